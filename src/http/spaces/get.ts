import { requireRole } from '../auth/require-role.js';
import {
  isNotModified,
  NotModified,
  ReadConditions,
  spaceEtag,
  withETag,
} from '../conventions/etag.js';
import { ref } from '../conventions/schemas.js';
import { PermanentRedirect } from '../errors/redirect.js';
import { type AddSpaceRoute, spaceOrNotFound } from './routes.js';
import { SpaceDetails, SpaceParams } from './schema.js';

export const getSpace: AddSpaceRoute = (app, spaces) => {
  app.get(
    '/:projectSlug',
    {
      config: {
        scope: 'spaces:read',
        role: 'viewer',
        problems: ['space_not_found'],
      },
      schema: {
        operationId: 'getSpace',
        summary: 'Get a project',
        tags: ['spaces'],
        params: SpaceParams,
        headers: ReadConditions,
        response: { 200: withETag(ref(SpaceDetails)), 304: NotModified, 308: PermanentRedirect },
      },
    },
    async (request, reply) => {
      const { slug, projectSlug } = request.params;
      const space = await spaceOrNotFound(
        spaces,
        request,
        requireRole(request, await spaces.get(request.user, slug, projectSlug)),
      );
      void reply.header('etag', spaceEtag(space));
      if (isNotModified(request.headers, spaceEtag(space))) {
        return reply.code(304).send(undefined);
      }
      return {
        ...space,
        namespace: { id: space.namespaceId, slug },
        createdAt: space.createdAt.toISOString(),
        updatedAt: space.updatedAt.toISOString(),
      };
    },
  );
};
