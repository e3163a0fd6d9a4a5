import type { SQL } from 'drizzle-orm';

export const states = ['active', 'deleted', 'all'] as const;

export type State = (typeof states)[number];

/** One condition of a list's filters. */
export interface Condition {
  /** of its parameter */
  name: string;
  sql: SQL;
  /** the index that finds the rows by it, null where none does */
  by: string | null;
}

/** The conditions of a list, and the values of their parameters. */
export interface Conditions {
  conditions: Condition[];
  values: Record<string, unknown>;
}

/** The filters and the order of one list. */
export interface Selection<Sort extends string> extends Conditions {
  state: State;
  sort: Sort;
  descending: boolean;
}

/** @returns whether matches are to be found and counted, which may take long */
export function isSearch({
  state,
  conditions,
}: Pick<Selection<string>, 'state' | 'conditions'>): boolean {
  return state !== 'active' || conditions.length > 0;
}

/** @returns whether its numbered pages end after `SKIPPED_MAX` items: it is neither searched nor in the order of creation */
export function isBounded(selection: Selection<string>): boolean {
  return selection.sort !== 'createdAt' && !isSearch(selection);
}
