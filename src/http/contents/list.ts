import type { Static } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { contentLists } from '../../repositories/contents/lists.js';
import { SKIPPED_MAX } from '../../repositories/lists/numbered-pages.js';
import { isBounded, type Selection } from '../../repositories/lists/selection.js';
import { readCursorPage } from '../conventions/cursor-page.js';
import { JSON_TYPE, present, renderItems, sendPage } from '../conventions/list-page.js';
import { cursorList } from '../conventions/list-query.js';
import { paging } from '../conventions/schemas.js';
import type { SpaceParams } from '../spaces/schema.js';
import { callerOf, requireSpace } from './space.js';

interface Listed<Sort extends string> {
  /** the key of the items in the response */
  key: string;
  lists: ReturnType<typeof contentLists<Sort>>;
  selection: Selection<Sort>;
}

type ListRequest = Pick<FastifyRequest, 'user' | 'url' | 'headers' | 'routeOptions'> & {
  params: Static<typeof SpaceParams>;
  query: { page: number; pageSize: number; cursor?: string };
};

/** Sends a list of a space's contents: a numbered page with its validator, or a cursor page. */
export async function sendContentList<Sort extends string>(
  request: ListRequest,
  reply: FastifyReply,
  { key, lists, selection }: Listed<Sort>,
) {
  const { query } = request;
  const caller = callerOf(request);
  if (query.cursor !== undefined) {
    const { items, page } = await readCursorPage({
      ...cursorList([key], selection),
      query,
      cursor: query.cursor,
      read: async (limit, after) => {
        const outcome = await lists.cursorPage(caller, selection, { limit, after });
        const part = present(requireSpace(request, outcome));
        return {
          ...part,
          namespaceId: outcome?.namespaceId ?? '',
          spaceId: outcome?.spaceId ?? '',
        };
      },
    });
    return reply.type(JSON_TYPE).send(renderItems(key, items, page));
  }
  const { limit, offset, toPageInfo } = paging(query);
  const outcome = await lists.page(caller, selection, { limit, offset }, (items, total) =>
    renderItems(key, items, toPageInfo(total)),
  );
  const page = present(requireSpace(request, outcome));
  return sendPage(request, reply, page, toPageInfo, isBounded(selection) ? SKIPPED_MAX : Infinity);
}
