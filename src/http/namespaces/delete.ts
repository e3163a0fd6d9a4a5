import { requireRole } from '../auth/require-role.js';
import { DeleteQuery, deleteResponses, sendErasure } from '../conventions/erasure.js';
import { etagOf, expectedNamespaceVersions, WriteConditions } from '../conventions/etag.js';
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
          'A soft delete of the namespace and its spaces; a restore brings back both. Its slug is reserved for its owners for `NAMESPACE_SLUG_HOLD_DAYS`. With `permanent=true` the namespace and its spaces are erased, and its slugs are free for everyone.',
        tags: ['namespaces'],
        params: NamespaceParams,
        querystring: DeleteQuery,
        headers: WriteConditions,
        response: deleteResponses,
      },
    },
    async (request, reply) => {
      const { user, params, query, headers } = request;
      const expected = expectedNamespaceVersions(headers);
      if (query.permanent) {
        const erased = await namespaces.erase(user, params.slug, expected);
        const outcome = namespaceOrNotFound(requireRole(request, erased));
        return sendErasure(reply, outcome, `/namespaces/${params.slug}`);
      }
      const outcome = await namespaces.delete(user, params.slug, expected);
      const deleted = namespaceOrNotFound(requireRole(request, outcome));
      return reply.code(204).header('etag', etagOf(deleted)).send(null);
    },
  );
};
