/** The rows of statements that write contents. */
import { sql } from 'drizzle-orm';
import type { Statement } from '../access/statement.js';
import type { SpaceAccess } from './access.js';
import type { Written } from './item.js';

/** The row of a write; `item` is null if the statement's snapshot lacks a row that the item shows. */
export type AnswerRow = Omit<Written, 'replayed' | 'item'> & { item: string | null };

/** The row of a write, where a missing row of the statement is null. */
export interface WriteRow {
  access: SpaceAccess;
  isReady: boolean | null;
  claim: { free: boolean | null } | null;
  stored: (AnswerRow & { fingerprint: string }) | null;
  answer: AnswerRow | null;
}

/** The columns of `answer` or `stored`, qualified because both have the same ones. */
export function fieldsOf(expression: 'answer' | 'stored') {
  const field = <Value>(name: string) =>
    sql<Value>`${sql.identifier(expression)}.${sql.identifier(name)}`;
  return {
    ids: field<string | null>('ids'),
    tag: field<string>('tag'),
    item: field<string | null>('item'),
    inserted: field<boolean>('inserted'),
  };
}

type Fields = Omit<AnswerRow, 'ids'> & { ids: string | null };

/** A row of the statement: all fields of a missing row are null. */
interface SelectedRow {
  access: SpaceAccess;
  isReady: boolean | null;
  claim?: { free: boolean | null };
  stored?: Fields & { fingerprint: string };
  answer: Fields;
}

/** Wraps a statement: `answer` and `stored` become null if their row is missing. */
export function withoutMissingRows(statement: Statement<SelectedRow>): Statement<WriteRow> {
  return {
    getQuery: () => statement.getQuery(),
    async execute(values) {
      const rows = await statement.execute(values);
      return rows.map(({ stored, answer, claim, ...row }) => ({
        ...row,
        claim: claim ?? null,
        stored: stored ? rowOrNull(stored) : null,
        answer: rowOrNull(answer),
      }));
    },
  };
}

/** @returns the columns of a row, null if it is missing */
export function rowOrNull<Row extends { ids: string | null }>(
  row: Row,
): (Row & { ids: string }) | null {
  return row.ids === null ? null : { ...row, ids: row.ids };
}
