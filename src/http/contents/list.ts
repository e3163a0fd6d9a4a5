import type { Static } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { contentLists } from '../../repositories/contents/lists.js';
import { SKIPPED_MAX } from '../../repositories/lists/numbered-pages.js';
import { isBounded, type Selection } from '../../repositories/lists/selection.js';
import { walker } from '../conventions/cursor-page.js';
import type { Place } from '../conventions/cursor.js';
import { sendPage } from '../conventions/list-page.js';
import { listKey } from '../conventions/list-query.js';
import { paging } from '../conventions/schemas.js';
import type { SpaceParams } from '../spaces/schema.js';
import { JSON_TYPE } from './item.js';
import { callerOf, inSpace } from './space.js';

interface Listed<Sort extends string> {
  /** the key of the items in the answer */
  key: string;
  lists: ReturnType<typeof contentLists<Sort>>;
  selection: Selection<Sort>;
}

type ListRequest = Pick<FastifyRequest, 'user' | 'url' | 'headers'> & {
  params: Static<typeof SpaceParams>;
  query: { page: number; pageSize: number; cursor?: string };
};

/**
 * Answers lists of what a space contains: a numbered page with its validator, or the next part of a walk.
 *
 * @param cursorKey what cursors are sealed with
 */
export function contentListSender(cursorKey: () => Promise<Buffer>) {
  const walk = walker(cursorKey);

  return async <Sort extends string>(
    request: ListRequest,
    reply: FastifyReply,
    { key, lists, selection }: Listed<Sort>,
  ) => {
    const { query } = request;
    const caller = callerOf(request);
    const render = (items: string, page: object) =>
      Buffer.from(`{"${key}":[${items}],${JSON.stringify(page).slice(1)}`);
    if (query.cursor !== undefined) {
      const { namespace, space } = caller.path;
      const list = JSON.stringify([key, namespace, space, listKey(selection)]);
      const read = async (limit: number, after: Place | null) => {
        const outcome = await lists.walk(caller, selection, { limit, after });
        const part = inSpace(outcome, 'viewer');
        if (!part || !outcome) throw new Error('A list is never null');
        return { ...part, namespaceId: outcome.namespaceId };
      };
      const { items, page } = await walk({ list, query, cursor: query.cursor, read });
      return reply.type(JSON_TYPE).send(render(items, page));
    }
    const { limit, offset, describe } = paging(query);
    const page = inSpace(
      await lists.page(caller, selection, { limit, offset }, (items, total) =>
        render(items, describe(total)),
      ),
      'viewer',
    );
    if (!page) throw new Error('A list is never null');
    return sendPage(request, reply, page, describe, isBounded(selection) ? SKIPPED_MAX : Infinity);
  };
}
