import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';

/** The maximum number of rows that one statement reads or deletes. */
export const BATCH = 500;

/** A table to scan for expired rows. */
interface Scanned {
  table: SQL;
  /** the columns of the index that the scan follows */
  key: readonly string[];
  /** the condition of that index */
  where: SQL;
  /** the condition that a row is erased */
  isExpired: SQL;
}

export type Key = Record<string, string>;

/**
 * Reads a table in the order of an index, a batch at a time, so that each statement is short and no index of
 * ages is needed.
 *
 * @yields after each batch the keys of its expired rows, which may be none
 */
export async function* scan(
  db: Database,
  { table, key, where, isExpired }: Scanned,
): AsyncGenerator<Key[]> {
  const columns = sql.join(
    key.map((name) => sql.identifier(name)),
    sql`, `,
  );
  const asText = sql.join(
    key.map((name) => sql`${sql.identifier(name)}::text`),
    sql`, `,
  );
  // Qualified by the table: a name alone would mean the selected text, whose order no index has.
  const order = sql.join(
    key.map((name) => sql`${table}.${sql.identifier(name)}`),
    sql`, `,
  );
  let after: Key | undefined;
  for (;;) {
    const values = key.map((name) => sql`${after?.[name] ?? ''}`);
    const isAfter = after ? sql`(${columns}) > (${castTo(key, values)})` : sql`true`;
    const rows = await db.execute<Key & { is_expired: string }>(sql`
      select ${asText}, (${isExpired})::text as is_expired
      from ${table} where ${where} and ${isAfter} order by ${order} limit ${BATCH}`);
    const expired = rows.filter(({ is_expired: flag }) => flag === 'true');
    yield expired;
    after = rows.at(-1);
    if (rows.length < BATCH || !after) return;
  }
}

/** Ids are compared as such, the other columns as text. */
function castTo(key: readonly string[], values: SQL[]): SQL {
  const typed = values.map((value, index) =>
    key[index]?.endsWith('id') ? sql`${value}::uuid` : sql`${value}::text`,
  );
  return sql.join(typed, sql`, `);
}

/** @returns parts of a list of at most so many items */
export function chunksOf<Item>(items: Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

/** @returns the keys by the values of some columns */
export function groupBy(rows: Key[], columns: string[]): Key[][] {
  const groups = new Map<string, Key[]>();
  for (const row of rows) {
    const name = columns.map((column) => row[column]).join(' ');
    const group = groups.get(name);
    if (group) group.push(row);
    else groups.set(name, [row]);
  }
  return [...groups.values()];
}

/** @returns ids as an array of PostgreSQL */
export function idsOf(rows: Key[], column = 'id'): SQL {
  return sql`string_to_array(${rows.map((row) => row[column]).join(' ')}, ' ')::uuid[]`;
}
