import { readCursorPage } from '../conventions/cursor-page.js';
import { NotModified, ReadConditions } from '../conventions/etag.js';
import { pageOf, renderPage, sendPage } from '../conventions/list-page.js';
import { PageQuery, paging, ref } from '../conventions/schemas.js';
import type { AddNamespaceRoute } from './routes.js';
import { NamespaceList } from './schema.js';

export const listNamespaces: AddNamespaceRoute = (app, namespaces) => {
  app.get(
    '/namespaces',
    {
      config: { scope: 'namespaces:read', role: null },
      schema: {
        operationId: 'listNamespaces',
        summary: 'List the namespaces you are a member of',
        description: 'Ordered by creation, oldest first.',
        tags: ['namespaces'],
        querystring: PageQuery,
        headers: ReadConditions,
        response: { 200: pageOf(ref(NamespaceList)), 304: NotModified },
      },
    },
    async (request, reply) => {
      const { user, query } = request;
      if (query.cursor !== undefined) {
        const { items, page } = await readCursorPage({
          list: 'namespaces',
          types: { key: 'text', id: 'uuid' },
          query,
          cursor: query.cursor,
          read: (limit, after) => namespaces.cursorPage(user, limit, after),
        });
        return reply.send({ namespaces: items, ...page });
      }
      const { limit, offset, toPageInfo } = paging(query);
      const page = await namespaces.list(user, { limit, offset }, (items, total) =>
        renderPage(reply, { namespaces: items, ...toPageInfo(total) }),
      );
      return sendPage(request, reply, page, toPageInfo);
    },
  );
};
