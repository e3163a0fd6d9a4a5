import { Type } from '@sinclair/typebox';
import { requireRole } from '../auth/require-role.js';
import {
  etagOf,
  expectedNamespaceVersions,
  withETag,
  WriteConditions,
} from '../conventions/etag.js';
import { NamespaceParams } from '../conventions/schemas.js';
import { type AddNamespaceRoute, namespaceOrNotFound } from './routes.js';

export const deleteNamespace: AddNamespaceRoute = (app, namespaces) => {
  app.delete(
    '/namespaces/:slug',
    {
      config: {
        scope: 'namespaces:write',
        role: 'owner',
      },
      schema: {
        operationId: 'deleteNamespace',
        summary: 'Delete a namespace',
        description:
          'Its spaces go with it, and come back with it when it is restored. Its slug is held back for its owners for a while (`NAMESPACE_SLUG_HOLD_DAYS`).',
        tags: ['namespaces'],
        params: NamespaceParams,
        headers: WriteConditions,
        response: { 204: withETag(Type.Null({ description: 'Deleted' })) },
      },
    },
    async (request, reply) => {
      const { user, params, headers } = request;
      const expected = expectedNamespaceVersions(headers);
      const outcome = await namespaces.delete(user, params.slug, expected);
      const deleted = namespaceOrNotFound(requireRole(outcome, 'owner'));
      return reply.code(204).header('etag', etagOf(deleted)).send(null);
    },
  );
};
