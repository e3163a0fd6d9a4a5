import { requireRole } from '../auth/require-role.js';
import { expectedNamespaceVersions } from '../conventions/etag.js';
import {
  idempotencyKey,
  markReplayed,
  RestoreHeaders,
  withIdempotencyReplay,
} from '../conventions/idempotency-key.js';
import { NamespaceParams, ref, Restore } from '../conventions/schemas.js';
import { type AddNamespaceRoute, namespaceOrNotFound, sendNamespace } from './routes.js';
import { Namespace } from './schema.js';

export const restoreNamespace: AddNamespaceRoute = (app, namespaces) => {
  app.post(
    '/namespaces/:slug/restore',
    {
      config: {
        scope: 'namespaces:write',
        role: 'owner',
        problems: ['quota_exceeded', 'slug_conflict'],
      },
      schema: {
        operationId: 'restoreNamespace',
        summary: 'Restore a deleted namespace',
        description:
          'Restores the last deleted of your namespaces that had this slug, or with `If-Match` exactly that one; `slug` gives it another slug. A namespace that is not deleted is returned unchanged.',
        tags: ['namespaces'],
        params: NamespaceParams,
        headers: RestoreHeaders,
        body: ref(Restore),
        response: { 200: withIdempotencyReplay(ref(Namespace)) },
      },
    },
    async (request, reply) => {
      const { user, params, headers } = request;
      const body = request.body ?? null;
      const outcome = await namespaces.restore(
        user,
        params.slug,
        body?.slug ?? null,
        expectedNamespaceVersions(headers),
        idempotencyKey(headers['idempotency-key'], body),
      );
      const namespace = namespaceOrNotFound(requireRole(request, outcome));
      markReplayed(reply, namespace);
      return sendNamespace(reply, namespace);
    },
  );
};
