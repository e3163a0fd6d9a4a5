import { SKIPPED_MAX } from '../../repositories/lists/numbered-pages.js';
import { isBounded } from '../../repositories/lists/selection.js';
import { requireRole } from '../auth/require-role.js';
import { readCursorPage } from '../conventions/cursor-page.js';
import { NotModified, ReadConditions } from '../conventions/etag.js';
import { JSON_TYPE, pageOf, present, renderItems, sendPage } from '../conventions/list-page.js';
import { cursorList, searchRule } from '../conventions/list-query.js';
import { NamespaceParams, paging, ref } from '../conventions/schemas.js';
import { PermanentRedirect } from '../errors/redirect.js';
import type { AddSpaceRoute } from './routes.js';
import { SpaceList } from './schema.js';
import { SpaceListQuery, toListOptions } from './selection.js';

export const listSpaces: AddSpaceRoute = (app, spaces) => {
  app.get(
    '',
    {
      config: {
        scope: 'spaces:read',
        role: 'viewer',
        isSearch: searchRule(),
      },
      schema: {
        operationId: 'listSpaces',
        summary: 'List all spaces in a namespace with pagination',
        description: 'By default active spaces, oldest first. A space must match all filters.',
        tags: ['spaces'],
        params: NamespaceParams,
        querystring: SpaceListQuery,
        headers: ReadConditions,
        response: {
          200: pageOf(ref(SpaceList)),
          304: NotModified,
          308: PermanentRedirect,
        },
      },
    },
    async (request, reply) => {
      const { user, query } = request;
      const { slug } = request.params;
      const selection = toListOptions(query);
      if (query.cursor !== undefined) {
        const { items, page } = await readCursorPage({
          ...cursorList([], selection),
          query,
          cursor: query.cursor,
          read: async (limit, after) =>
            present(
              requireRole(
                request,
                await spaces.cursorPage(user, slug, selection, { limit, after }),
              ),
            ),
        });
        return reply.type(JSON_TYPE).send(renderItems('spaces', items, page));
      }
      const { limit, offset, toPageInfo } = paging(query);
      const render = (items: string, total: number) =>
        renderItems('spaces', items, toPageInfo(total));
      const outcome = await spaces.page(user, slug, selection, { limit, offset }, render);
      const page = present(requireRole(request, outcome));
      const skippedMax = isBounded(selection) ? SKIPPED_MAX : Infinity;
      return sendPage(request, reply, page, toPageInfo, skippedMax);
    },
  );
};
