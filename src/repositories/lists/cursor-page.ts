/** The position of a cursor in a list: the last item of a page. */
export interface ListPosition {
  /** the number of items when the first page was read */
  total: number;
  /** the sort key */
  key: string;
  /** the tie-breaker */
  id: string;
}

/** A cursor page. */
export interface Part<Item> {
  namespaceId: string;
  items: Item[];
  total: number;
  /** the position after which the next page begins, null for the last page */
  next: ListPosition | null;
}

/**
 * @param rows the items of the page, and one more if there is a next page
 * @param positionOf returns the position of an item
 */
export function partOf<Item>(
  rows: Item[],
  limit: number,
  total: number,
  positionOf: (item: Item) => Pick<ListPosition, 'key' | 'id'>,
): Omit<Part<Item>, 'namespaceId'> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return {
    items,
    total,
    next: rows.length > limit && last ? { total, ...positionOf(last) } : null,
  };
}
