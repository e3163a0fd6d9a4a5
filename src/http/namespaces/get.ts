import { requireRole } from '../auth/require-role.js';
import {
  isNotModified,
  namespaceEtag,
  NotModified,
  ReadConditions,
  withETag,
} from '../conventions/etag.js';
import { NamespaceParams, ref } from '../conventions/schemas.js';
import { PermanentRedirect } from '../errors/redirect.js';
import { type AddNamespaceRoute, namespaceOrNotFound, sendNamespace } from './routes.js';
import { Namespace } from './schema.js';

export const getNamespace: AddNamespaceRoute = (app, namespaces) => {
  app.get(
    '/namespaces/:slug',
    {
      config: {
        scope: 'namespaces:read',
        role: 'viewer',
      },
      schema: {
        operationId: 'getNamespace',
        summary: 'Get a namespace',
        tags: ['namespaces'],
        params: NamespaceParams,
        headers: ReadConditions,
        response: { 200: withETag(ref(Namespace)), 304: NotModified, 308: PermanentRedirect },
      },
    },
    async (request, reply) => {
      const { user, params, headers } = request;
      const namespace = namespaceOrNotFound(
        requireRole(request, await namespaces.get(user, params.slug)),
      );
      if (isNotModified(headers, namespaceEtag(namespace))) {
        return reply.code(304).header('etag', namespaceEtag(namespace)).send(undefined);
      }
      return sendNamespace(reply, namespace);
    },
  );
};
