import { foreignCursor, isStart, openCursor, type Place, sealCursor } from './cursor.js';
import { invalid } from '../errors/problem.js';
import { paging } from './schemas.js';

/** What is read for a part of a walk. */
interface Part<Items> {
  /** whose list it is; empty where it is the caller's own */
  namespaceId: string;
  items: Items;
  total: number;
  /** where the next part begins, null where there is none */
  next: Pick<Place, 'total' | 'key' | 'id'> | null;
}

interface Walk<Items> {
  /** says which list it is, down to its last filter */
  list: string;
  query: { page: number; pageSize: number };
  cursor: string;
  read: (limit: number, after: Place | null) => Promise<Part<Items>>;
}

/**
 * @param cursorKey what cursors are sealed with
 * @returns a function that reads the next part of a list that is walked; it throws `ServiceError`
 *   `validation_failed` for a cursor of another list, and with a page number
 */
export function walker(cursorKey: () => Promise<Buffer>) {
  return async <Items>({ list, query, cursor, read }: Walk<Items>) => {
    if (query.page !== 1) throw numberedCursor();
    const key = await cursorKey();
    const place = isStart(cursor) ? null : openCursor(key, cursor, list);
    const { limit, describe } = paging({ page: place?.page ?? 1, pageSize: query.pageSize });
    const { namespaceId, items, total, next } = await read(limit, place);
    if (place && place.namespaceId !== namespaceId) throw foreignCursor();
    const page = describe(total);
    const nextCursor = next && sealCursor(key, { ...next, namespaceId, page: page.page + 1 }, list);
    return { items, page: { ...page, nextCursor } };
  };
}

function numberedCursor() {
  const message = 'must be left out with a cursor, which knows its page';
  return invalid('query string', [{ path: '/page', code: 'cursor', message }]);
}
