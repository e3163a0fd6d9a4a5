import { requireRole } from '../auth/require-role.js';
import {
  expectedSpaceVersions,
  spaceEtag,
  withETag,
  WriteConditions,
} from '../conventions/etag.js';
import { ref } from '../conventions/schemas.js';
import { metadataMerge, PATCH_TYPES } from '../server/json-body.js';
import { type AddSpaceRoute, spaceOrNotFound } from './routes.js';
import { Space, SpaceParams, SpaceUpdate } from './schema.js';

export const updateSpace: AddSpaceRoute = (app, spaces) => {
  app.patch(
    '/:projectSlug',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: ['space_not_found', 'slug_conflict'],
      },
      schema: {
        operationId: 'updateSpace',
        summary: 'Update a project',
        description:
          'Only provided fields are updated. `metadata` is replaced whole under `application/json` and merged (RFC 7396) under `application/merge-patch+json`.',
        tags: ['spaces'],
        consumes: PATCH_TYPES,
        params: SpaceParams,
        headers: WriteConditions,
        body: ref(SpaceUpdate),
        response: { 200: withETag(ref(Space)) },
      },
    },
    async (request, reply) => {
      const { slug, projectSlug } = request.params;
      const { tags, ...changes } = request.body;
      const given = { ...changes, ...(tags !== undefined && { tags: tags ?? [] }) };
      const expected = expectedSpaceVersions(request.headers);
      const merge = metadataMerge(request, given.metadata);
      const outcome = await spaces.update(request.user, slug, projectSlug, given, expected, merge);
      const space = await spaceOrNotFound(spaces, request, requireRole(request, outcome));
      void reply.header('etag', spaceEtag(space));
      return space;
    },
  );
};
