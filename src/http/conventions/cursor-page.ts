import { invalid } from '../errors/problem.js';
import {
  type CursorList,
  type CursorPosition,
  decodeCursor,
  encodeCursor,
  foreignCursor,
  isStart,
} from './cursor.js';
import { paging } from './schemas.js';

/** The rows of one cursor page. */
interface Part<Items> {
  /** the namespace of the list; empty for the caller's own list of namespaces */
  namespaceId: string;
  /** the space of a list of its contents */
  spaceId?: string;
  items: Items;
  total: number;
  /** the position of the next page, null for the last one */
  next: Pick<CursorPosition, 'total' | 'key' | 'id'> | null;
}

interface CursorPage<Items> extends CursorList {
  query: { page: number; pageSize: number };
  cursor: string;
  read: (limit: number, after: CursorPosition | null) => Promise<Part<Items>>;
}

/**
 * Reads a cursor page of a list.
 *
 * @throws `ServiceError` `validation_failed` for a cursor of another list, and for a cursor with a page number
 */
export async function readCursorPage<Items>({ query, cursor, read, ...list }: CursorPage<Items>) {
  if (query.page !== 1) throw numberedCursor();
  const after = isStart(cursor) ? null : decodeCursor(list, cursor);
  const { limit, toPageInfo } = paging({ page: after?.page ?? 1, pageSize: query.pageSize });
  const { namespaceId, spaceId, items, total, next } = await read(limit, after);
  if (after && (after.namespaceId !== namespaceId || after.spaceId !== spaceId)) {
    throw foreignCursor();
  }
  const page = toPageInfo(total);
  const container = spaceId === undefined ? { namespaceId } : { namespaceId, spaceId };
  const nextCursor = next && encodeCursor(list, { ...next, ...container, page: page.page + 1 });
  return { items, page: { ...page, nextCursor } };
}

function numberedCursor() {
  const message = 'must be omitted with "cursor", which contains the page number';
  return invalid('query string', [{ path: '/page', code: 'cursor', message }]);
}
