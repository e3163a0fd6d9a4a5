import type { SQL } from 'drizzle-orm';

export const states = ['active', 'deleted', 'all'] as const;

export type State = (typeof states)[number];

/** The condition of one filter. */
export interface Condition {
  /** the name of its parameter */
  name: string;
  sql: SQL;
  /** the index for the condition, null if there is none */
  by: string | null;
}

/** The conditions of a list, and the values of their parameters. */
export interface Conditions {
  conditions: Condition[];
  values: Record<string, unknown>;
}

/** The filters, the order and the state of a list. */
export interface Selection<Sort extends string> extends Conditions {
  state: State;
  sort: Sort;
  descending: boolean;
}

/** @returns whether matches must be counted, which may take long */
export function isSearch({
  state,
  conditions,
}: Pick<Selection<string>, 'state' | 'conditions'>): boolean {
  return state !== 'active' || conditions.length > 0;
}

/**
 * @returns whether numbered pages end at the offset `SKIPPED_MAX`: the list has no filters, and another order
 *   than creation
 */
export function isBounded(selection: Selection<string>): boolean {
  return selection.sort !== 'createdAt' && !isSearch(selection);
}
