import { requireRole } from '../auth/require-role.js';
import {
  IdempotencyHeader,
  idempotencyKey,
  markReplayed,
  replayedHeader,
} from '../conventions/idempotency-key.js';
import { NamespaceParams, ref } from '../conventions/schemas.js';
import { type AddSpaceRoute, newSpace, spacePath, written } from './routes.js';
import { SpaceBatch, SpaceBatchResult } from './schema.js';

export const createSpaces: AddSpaceRoute = (app, spaces) => {
  app.post(
    '/batch',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: ['quota_exceeded', 'slug_conflict'],
      },
      schema: {
        operationId: 'createSpaces',
        summary: 'Create several projects in a namespace',
        description:
          'All of them or none. If slugs are taken, `errors` lists each with its position in the batch.',
        tags: ['spaces'],
        params: NamespaceParams,
        headers: IdempotencyHeader,
        body: ref(SpaceBatch),
        response: { 201: { ...ref(SpaceBatchResult), headers: replayedHeader } },
      },
    },
    async (request, reply) => {
      const { user, params, headers, body } = request;
      const key = idempotencyKey(headers['idempotency-key'], body);
      const outcome = await spaces.createBatch(user, params.slug, body.spaces.map(newSpace), key);
      const batch = written(requireRole(request, outcome));
      markReplayed(reply, batch);
      reply.created = batch.spaces.map((space) => spacePath(params.slug, space));
      return reply.code(201).send(batch);
    },
  );
};
