import { requireRole } from '../auth/require-role.js';
import { etagOf } from '../conventions/etag.js';
import {
  createdResponse,
  IdempotencyHeader,
  idempotencyKey,
  markReplayed,
} from '../conventions/idempotency-key.js';
import { NamespaceParams, ref } from '../conventions/schemas.js';
import { type AddSpaceRoute, newSpace, spacePath, written } from './routes.js';
import { Space, SpaceCreate } from './schema.js';

export const createSpace: AddSpaceRoute = (app, spaces) => {
  app.post(
    '',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: ['quota_exceeded', 'slug_conflict'],
      },
      schema: {
        operationId: 'createSpace',
        summary: 'Create a new project in a namespace',
        tags: ['spaces'],
        params: NamespaceParams,
        headers: IdempotencyHeader,
        body: ref(SpaceCreate),
        response: { 201: createdResponse(ref(Space)) },
      },
    },
    async (request, reply) => {
      const { user, params, headers, body } = request;
      const key = idempotencyKey(headers['idempotency-key'], body);
      const outcome = await spaces.create(user, params.slug, newSpace(body), key);
      const space = written(requireRole(request, outcome));
      markReplayed(reply, space);
      return reply
        .code(201)
        .header('etag', etagOf(space))
        .header('location', spacePath(params.slug, space))
        .send(space);
    },
  );
};
