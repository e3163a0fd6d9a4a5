import type { ProblemCode } from '../../errors.js';
import { itemOf, sendItem } from '../contents/item.js';
import { callerOf, ContentParams, requireSpace, spacePath } from '../contents/space.js';
import {
  IdempotencyHeader,
  idempotencyKey,
  locationHeader,
  markReplayed,
  replayedHeader,
} from '../conventions/idempotency-key.js';
import { ref } from '../conventions/schemas.js';
import { type AddAssetRoute, assetPath, newAsset, orNotFound } from './routes.js';
import { Asset, AssetCreate } from './schema.js';

export const creationProblems: ProblemCode[] = [
  'write_protected',
  'space_not_found',
  'episode_not_found',
  'path_conflict',
];

export const createAsset: AddAssetRoute = (app, assets) => {
  app.post(
    '/assets',
    {
      config: { scope: 'spaces:write', role: 'editor', problems: creationProblems },
      schema: {
        operationId: 'createAsset',
        summary: 'Register an asset',
        description:
          'The asset belongs to an episode, or to the space itself, where missing folders of its path are created.',
        tags: ['assets'],
        params: ContentParams({}),
        headers: IdempotencyHeader,
        body: ref(AssetCreate),
        response: { 201: itemOf(ref(Asset), { ...locationHeader, ...replayedHeader }) },
      },
    },
    async (request, reply) => {
      const { headers, body, params } = request;
      const outcome = await assets.create(
        callerOf(request),
        [newAsset(body)],
        'createAsset',
        idempotencyKey(headers['idempotency-key'], body),
      );
      const asset = orNotFound(requireSpace(request, outcome));
      markReplayed(reply, asset);
      void reply.code(201).header('location', assetPath(spacePath(params), asset.ids));
      return sendItem(reply, asset);
    },
  );
};
