import { Type } from '@sinclair/typebox';
import { requireRole } from '../auth/require-role.js';
import { etagOf, expectedSpaceVersions, withETag, WriteConditions } from '../conventions/etag.js';
import { type AddSpaceRoute, spaceOrNotFound } from './routes.js';
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
        description: 'It can be restored. Its slug is free at once.',
        tags: ['spaces'],
        params: SpaceParams,
        headers: WriteConditions,
        response: { 204: withETag(Type.Null({ description: 'Deleted' })) },
      },
    },
    async (request, reply) => {
      const { slug, projectSlug } = request.params;
      const expected = expectedSpaceVersions(request.headers);
      const outcome = await spaces.delete(request.user, slug, projectSlug, expected);
      const deleted = await spaceOrNotFound(spaces, request, requireRole(outcome, 'editor'));
      return reply.code(204).header('etag', etagOf(deleted)).send(null);
    },
  );
};
