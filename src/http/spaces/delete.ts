import { requireRole } from '../auth/require-role.js';
import { DeleteQuery, deleteResponses, sendErasure } from '../conventions/erasure.js';
import { etagOf, expectedSpaceVersions, WriteConditions } from '../conventions/etag.js';
import { type AddSpaceRoute, spaceOrNotFound, spacePath } from './routes.js';
import { SpaceParams } from './schema.js';

export const deleteSpace: AddSpaceRoute = (app, spaces) => {
  app.delete(
    '/:projectSlug',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: ['space_not_found'],
      },
      schema: {
        operationId: 'deleteSpace',
        summary: 'Delete a project',
        description:
          'A soft delete: the space can be restored, unless it is erased with `permanent=true`. Its slug is free immediately.',
        tags: ['spaces'],
        params: SpaceParams,
        querystring: DeleteQuery,
        headers: WriteConditions,
        response: deleteResponses,
      },
    },
    async (request, reply) => {
      const { slug, projectSlug } = request.params;
      const expected = expectedSpaceVersions(request.headers);
      if (request.query.permanent) {
        const erased = await spaces.erase(request.user, slug, projectSlug, expected);
        const outcome = await spaceOrNotFound(
          spaces,
          request,
          requireRole(request, erased, 'owner'),
        );
        return sendErasure(reply, outcome, spacePath(slug, { slug: projectSlug }));
      }
      const outcome = await spaces.delete(request.user, slug, projectSlug, expected);
      const deleted = await spaceOrNotFound(spaces, request, requireRole(request, outcome));
      return reply.code(204).header('etag', etagOf(deleted)).send(null);
    },
  );
};
