import { requireRole } from '../auth/require-role.js';
import { erasureOrNotFound, RunningErasure, sendRunning } from '../conventions/erasure.js';
import { PermanentRedirect } from '../errors/redirect.js';
import type { AddSpaceRoute } from './routes.js';
import { SpaceParams } from './schema.js';

export const getSpaceErasure: AddSpaceRoute = (app, spaces) => {
  app.get(
    '/:projectSlug/erasure',
    {
      config: {
        scope: 'spaces:read',
        role: 'owner',
        problems: ['space_not_found'],
      },
      schema: {
        operationId: 'getSpaceErasure',
        summary: 'Get the status of the permanent deletion of a project',
        description: '404 when the erasures of all spaces with this slug have ended.',
        tags: ['spaces'],
        params: SpaceParams,
        response: { 200: RunningErasure, 308: PermanentRedirect },
      },
    },
    async (request, reply) => {
      const { slug, projectSlug } = request.params;
      const outcome = await spaces.erasure(request.user, slug, projectSlug);
      erasureOrNotFound(requireRole(request, outcome), 'space_not_found');
      return sendRunning(reply);
    },
  );
};
