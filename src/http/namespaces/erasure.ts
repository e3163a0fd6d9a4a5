import { requireRole } from '../auth/require-role.js';
import { erasureOrNotFound, RunningErasure, sendRunning } from '../conventions/erasure.js';
import { NamespaceParams } from '../conventions/schemas.js';
import { PermanentRedirect } from '../errors/redirect.js';
import type { AddNamespaceRoute } from './routes.js';

export const getNamespaceErasure: AddNamespaceRoute = (app, namespaces) => {
  app.get(
    '/namespaces/:slug/erasure',
    {
      config: {
        scope: 'namespaces:read',
        role: 'owner',
      },
      schema: {
        operationId: 'getNamespaceErasure',
        summary: 'Get the status of the permanent deletion of a namespace',
        description: '404 when the erasure has ended.',
        tags: ['namespaces'],
        params: NamespaceParams,
        response: { 200: RunningErasure, 308: PermanentRedirect },
      },
    },
    async (request, reply) => {
      const outcome = await namespaces.erasure(request.user, request.params.slug);
      erasureOrNotFound(requireRole(request, outcome), 'namespace_not_found');
      return sendRunning(reply);
    },
  );
};
