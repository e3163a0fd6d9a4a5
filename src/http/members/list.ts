import type { MemberRow } from '../../repositories/members/columns.js';
import { requireRole } from '../auth/require-role.js';
import { readCursorPage } from '../conventions/cursor-page.js';
import { NotModified, ReadConditions } from '../conventions/etag.js';
import { pageOf, present, renderPage, sendPage } from '../conventions/list-page.js';
import { NamespaceParams, PageQuery, paging, ref } from '../conventions/schemas.js';
import { PermanentRedirect } from '../errors/redirect.js';
import { type AddMemberRoute, toMember } from './routes.js';
import { MemberList } from './schema.js';

export const listMembers: AddMemberRoute = (app, members) => {
  app.get(
    '',
    {
      config: {
        scope: 'namespaces:read',
        role: 'viewer',
      },
      schema: {
        operationId: 'listMembers',
        summary: 'List the members of a namespace',
        description: 'Ordered by the time they were added.',
        tags: ['members'],
        params: NamespaceParams,
        querystring: PageQuery,
        headers: ReadConditions,
        response: { 200: pageOf(ref(MemberList)), 304: NotModified, 308: PermanentRedirect },
      },
    },
    async (request, reply) => {
      const { user, params, query } = request;
      if (query.cursor !== undefined) {
        const { items, page } = await readCursorPage({
          list: 'members',
          types: { key: 'time', id: 'text' },
          query,
          cursor: query.cursor,
          read: async (limit, after) =>
            present(
              requireRole(request, await members.cursorPage(user, params.slug, limit, after)),
            ),
        });
        return reply.send({ members: items.map(toMember), ...page });
      }
      const { limit, offset, toPageInfo } = paging(query);
      const render = (items: MemberRow[], total: number) =>
        renderPage(reply, { members: items.map(toMember), ...toPageInfo(total) });
      const outcome = await members.list(user, params.slug, { limit, offset }, render);
      const page = present(requireRole(request, outcome));
      return sendPage(request, reply, page, toPageInfo);
    },
  );
};
