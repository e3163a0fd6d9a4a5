import { type Static, Type } from '@sinclair/typebox';
import { SKIPPED_MAX } from '../../repositories/lists/numbered-pages.js';
import { isBounded } from '../../repositories/lists/selection.js';
import type { SpacePage } from '../../repositories/spaces/list.js';
import { requireRole } from '../auth/require-role.js';
import { readCursorPage } from '../conventions/cursor-page.js';
import { NotModified, ReadConditions } from '../conventions/etag.js';
import { pageOf, present, sendPage } from '../conventions/list-page.js';
import { cursorList, isSearch } from '../conventions/list-query.js';
import { NamespaceParams, paging, ref } from '../conventions/schemas.js';
import { PermanentRedirect } from '../errors/redirect.js';
import type { AddSpaceRoute } from './routes.js';
import { SpaceList } from './schema.js';
import { SpaceListQuery, toListOptions } from './selection.js';

type ListResponse = Omit<Static<typeof SpaceList>, 'spaces'> & Pick<SpacePage, 'items'>;

/**
 * Lists come from the database as JSON text, because parsing and serializing it again would double their cost.
 */
function serializeList({ items, ...page }: ListResponse): string {
  return `{"spaces":[${items}],${JSON.stringify(page).slice(1)}`;
}

export const listSpaces: AddSpaceRoute = (app, spaces) => {
  app.get(
    '',
    {
      config: {
        scope: 'spaces:read',
        role: 'viewer',
        isSearch: isSearch(),
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
          200: pageOf(Type.Unsafe<ListResponse>(ref(SpaceList))),
          304: NotModified,
          308: PermanentRedirect,
        },
      },
      serializerCompiler: () => serializeList,
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
                await spaces.cursorPage(user, slug, selection, { limit, after }),
                'viewer',
              ),
            ),
        });
        return { items, ...page };
      }
      const { limit, offset, toPageInfo } = paging(query);
      const render = (items: string, total: number) =>
        Buffer.from(serializeList({ items, ...toPageInfo(total) }));
      const outcome = await spaces.page(user, slug, selection, { limit, offset }, render);
      const page = present(requireRole(outcome, 'viewer'));
      const skippedMax = isBounded(selection) ? SKIPPED_MAX : Infinity;
      return sendPage(request, reply, page, toPageInfo, skippedMax);
    },
  );
};
