import { requireRole } from '../auth/require-role.js';
import { expectedSpaceVersions, spaceEtag } from '../conventions/etag.js';
import {
  idempotencyKey,
  markReplayed,
  RestoreHeaders,
  withIdempotencyReplay,
} from '../conventions/idempotency-key.js';
import { ref, Restore } from '../conventions/schemas.js';
import { type AddSpaceRoute, spaceOrNotFound } from './routes.js';
import { Space, SpaceParams } from './schema.js';

export const restoreSpace: AddSpaceRoute = (app, spaces) => {
  app.post(
    '/:projectSlug/restore',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: ['quota_exceeded', 'space_not_found', 'slug_conflict'],
      },
      schema: {
        operationId: 'restoreSpace',
        summary: 'Restore a deleted project',
        description:
          'Restores the last deleted space that had this slug, or with `If-Match` exactly that one; `slug` gives it another slug. A space that is not deleted is returned unchanged.',
        tags: ['spaces'],
        params: SpaceParams,
        headers: RestoreHeaders,
        body: ref(Restore),
        response: { 200: withIdempotencyReplay(ref(Space)) },
      },
    },
    async (request, reply) => {
      const { slug, projectSlug } = request.params;
      const body = request.body ?? null;
      const outcome = await spaces.restore(
        request.user,
        slug,
        projectSlug,
        body?.slug ?? null,
        expectedSpaceVersions(request.headers),
        idempotencyKey(request.headers['idempotency-key'], body),
      );
      const space = await spaceOrNotFound(spaces, request, requireRole(request, outcome));
      markReplayed(reply, space);
      void reply.header('etag', spaceEtag(space));
      return space;
    },
  );
};
