import { type Static, Type } from '@sinclair/typebox';
import { callerOf, ContentParams, requireSpace, spacePath } from '../contents/space.js';
import {
  IdempotencyHeader,
  idempotencyKey,
  markReplayed,
  replayedHeader,
} from '../conventions/idempotency-key.js';
import { JSON_TYPE } from '../conventions/list-page.js';
import { ref } from '../conventions/schemas.js';
import { creationProblems } from './create.js';
import { type AddAssetRoute, assetPath, newAsset, orNotFound } from './routes.js';
import { AssetBatch, AssetBatchResult } from './schema.js';

export const createAssets: AddAssetRoute = (app, assets) => {
  const Result = Type.Unsafe<Static<typeof AssetBatchResult> | Buffer>(ref(AssetBatchResult));
  app.post(
    '/assets/batch',
    {
      config: { scope: 'spaces:write', role: 'editor', problems: creationProblems },
      schema: {
        operationId: 'createAssets',
        summary: 'Register several assets',
        description:
          'All of them or none. If some cannot be created, `errors` lists each with its position in the batch.',
        tags: ['assets'],
        params: ContentParams({}),
        headers: IdempotencyHeader,
        body: ref(AssetBatch),
        response: { 201: { ...Result, headers: replayedHeader } },
      },
    },
    async (request, reply) => {
      const { headers, body, params } = request;
      const outcome = await assets.create(
        callerOf(request),
        body.assets.map(newAsset),
        'createAssets',
        idempotencyKey(headers['idempotency-key'], body),
      );
      const batch = orNotFound(requireSpace(request, outcome));
      markReplayed(reply, batch);
      reply.created = batch.ids.split(' ').map((id) => assetPath(spacePath(params), id));
      return reply
        .code(201)
        .type(JSON_TYPE)
        .send(Buffer.from(`{"assets":[${batch.item}]}`));
    },
  );
};
