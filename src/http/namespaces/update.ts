import { requireRole } from '../auth/require-role.js';
import { expectedNamespaceVersions, withETag, WriteConditions } from '../conventions/etag.js';
import { NamespaceParams, ref } from '../conventions/schemas.js';
import { metadataMerge, PATCH_TYPES } from '../server/json-body.js';
import { type AddNamespaceRoute, namespaceOrNotFound, sendNamespace } from './routes.js';
import { Namespace, NamespaceUpdate } from './schema.js';

export const updateNamespace: AddNamespaceRoute = (app, namespaces) => {
  app.patch(
    '/namespaces/:slug',
    {
      config: {
        scope: 'namespaces:write',
        role: 'owner',
        problems: ['slug_conflict'],
      },
      schema: {
        operationId: 'updateNamespace',
        summary: 'Update a namespace',
        description:
          'Only provided fields are updated. `metadata` is replaced whole under `application/json` and merged (RFC 7396) under `application/merge-patch+json`.',
        tags: ['namespaces'],
        consumes: PATCH_TYPES,
        params: NamespaceParams,
        headers: WriteConditions,
        body: ref(NamespaceUpdate),
        response: { 200: withETag(ref(Namespace)) },
      },
    },
    async (request, reply) => {
      const { slug } = request.params;
      const changes = request.body;
      const expected = expectedNamespaceVersions(request.headers);
      const merge = metadataMerge(request, changes.metadata);
      const outcome = await namespaces.update(request.user, slug, changes, expected, merge);
      return sendNamespace(reply, namespaceOrNotFound(requireRole(request, outcome)));
    },
  );
};
