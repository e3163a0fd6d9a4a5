import { expectVersion, preconditionFailed } from '../../repositories/version.js';
import { isSlug, SLUG_PATTERN } from '../../slug.js';
import { requireRole } from '../auth/require-role.js';
import {
  EnsureHeaders,
  expectedSpaceVersions,
  expectNone,
  spaceEtag,
  withETag,
} from '../conventions/etag.js';
import { locationHeader } from '../conventions/idempotency-key.js';
import { ref } from '../conventions/schemas.js';
import { invalid } from '../errors/problem.js';
import { type AddSpaceRoute, newSpace, spacePath, written } from './routes.js';
import { Space, SpaceEnsure, SpaceEnsureParams } from './schema.js';

export const ensureSpace: AddSpaceRoute = (app, spaces) => {
  app.put(
    '/:projectSlug',
    {
      config: { scope: 'spaces:write', role: 'editor', problems: ['quota_exceeded'] },
      schema: {
        operationId: 'ensureSpace',
        summary: 'Create a project, unless there is one with this slug',
        description: 'An existing space is returned unchanged.',
        tags: ['spaces'],
        params: SpaceEnsureParams,
        headers: EnsureHeaders,
        body: ref(SpaceEnsure),
        response: {
          200: withETag(ref(Space)),
          201: withETag(ref(Space), locationHeader),
        },
      },
    },
    async (request, reply) => {
      const { user, params, headers, body } = request;
      const { slug, projectSlug } = params;
      if (!isSlug(projectSlug)) {
        const message = `must match pattern "${SLUG_PATTERN}"`;
        throw invalid('path', [{ path: '/projectSlug', code: 'pattern', message }]);
      }
      if (headers['if-match'] !== undefined) {
        const existing = requireRole(request, await spaces.get(user, slug, projectSlug));
        if (!existing) throw preconditionFailed();
        expectVersion(existing, expectedSpaceVersions({ 'if-match': headers['if-match'] }));
        expectNone(headers['if-none-match'], spaceEtag(existing));
        return reply.header('etag', spaceEtag(existing)).send(existing);
      }
      const space = written(
        requireRole(
          request,
          await spaces.ensure(user, slug, newSpace({ ...body, slug: projectSlug })),
        ),
      );
      if (space.created) void reply.code(201).header('location', spacePath(slug, space));
      else expectNone(headers['if-none-match'], spaceEtag(space));
      return reply.header('etag', spaceEtag(space)).send(space);
    },
  );
};
