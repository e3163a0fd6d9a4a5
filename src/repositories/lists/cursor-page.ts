/** Where a walk through a list has come to. */
export interface ListPosition {
  /** how many items there were when it began */
  total: number;
  /** the sort key */
  key: string;
  /** the tie-breaker */
  id: string;
}

/** A part of a list that is walked. */
export interface Part<Item> {
  namespaceId: string;
  items: Item[];
  total: number;
  /** where the next part begins, null where there is none */
  next: ListPosition | null;
}

/**
 * @param rows the items of the part, and one more where there is a next part
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
