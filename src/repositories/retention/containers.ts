import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { newRevision } from '../revision.js';
import { BATCH, idsOf, type Key } from './scan.js';

/** The tables of a space's contents, in the order in which foreign keys allow to erase them. */
const contentTables = ['assets', 'episodes', 'folders'] as const;

export const erasedTables = [
  'namespaces',
  'members',
  'spaces',
  'folders',
  'episodes',
  'assets',
  'idempotency_keys',
] as const;

export type ErasedTable = (typeof erasedTables)[number];

/** The effect of one statement. */
export interface Erased {
  table: ErasedTable;
  /** how many it has erased */
  rows: number;
  /** whether another statement like it follows */
  more?: boolean;
}

/**
 * The condition that a row has been deleted for so many days, or that its erasure has begun.
 *
 * @param days 0 for an erasure that has begun, alone
 */
export function hasExpired(days: number): SQL {
  return days === 0
    ? sql`deleted_at = '-infinity'`
    : sql`deleted_at < now() - make_interval(days => ${days}::int)`;
}

/**
 * Begins the erasure of spaces: they can no longer be restored, and no list shows them.
 *
 * @param which the condition of the spaces in their namespace
 * @param days after which a deleted space is erased; null for every space, deleted or not
 */
export async function beginSpaces(
  db: Database,
  namespaceId: string,
  which: SQL,
  days: number | null,
): Promise<void> {
  const isOld = days === null ? sql`true` : hasExpired(days);
  await db.execute(sql`
    with begun as (
      update spaces set deleted_at = '-infinity'
      where namespace_id = ${namespaceId}::uuid and ${which} and ${isOld}
        and deleted_at is distinct from '-infinity'
      returning id
    )
    update space_counters set revision = ${newRevision}
    where namespace_id = ${namespaceId}::uuid and exists (select from begun) and slot = (
      select slot from space_counters where namespace_id = ${namespaceId}::uuid order by slot limit 1)`);
}

/**
 * Deletes rows of a namespace, a batch at a time, until there are none. Two processes may do it at once: the rows
 * that a statement finds decide the end, because it deletes fewer where another one does.
 *
 * Citus deletes by `ctid` in a statement that it sends to one shard as it is, and in no other.
 *
 * @param where the condition of the rows, which no new row fits
 */
async function* deleteBatches(
  db: Database,
  table: ErasedTable,
  namespaceId: string,
  where: SQL,
): AsyncGenerator<Erased> {
  const rows = sql`${sql.identifier(table)} where namespace_id = ${namespaceId}::uuid`;
  for (;;) {
    const [batch] = await db.execute<{ found: number; erased: number }>(sql`
      with found as materialized (select ctid as place from ${rows} and ${where} limit ${BATCH}),
      gone as (
        delete from ${rows} and ctid = any(array(select place from found)) returning 1
      )
      select (select count(*)::int from found) as found, (select count(*)::int from gone) as erased`);
    const more = batch?.found === BATCH;
    yield { table, rows: batch?.erased ?? 0, more };
    if (!more) return;
  }
}

/**
 * Erases spaces of one namespace whose erasure has begun, a batch of rows at a time.
 *
 * @param ids an array
 */
export async function* eraseSpaces(
  db: Database,
  namespaceId: string,
  ids: SQL,
): AsyncGenerator<Erased> {
  const inNamespace = sql`namespace_id = ${namespaceId}::uuid`;
  // Looked up each time: a process of the version before knows nothing of erasures, and may have restored one.
  const due = sql`array(
    select id from spaces where ${inNamespace} and id = any(${ids}) and deleted_at = '-infinity')`;
  const inSpaces = sql`space_id = any(${due})`;
  for (const table of contentTables) {
    yield* deleteBatches(db, table, namespaceId, inSpaces);
  }
  const { count } = await db.execute(sql`
    with tree as (delete from folder_trees where ${inNamespace} and ${inSpaces}),
      counters as (delete from content_counters where ${inNamespace} and ${inSpaces}),
      slugs as (delete from former_space_slugs where ${inNamespace} and held_by = any(${due}))
    delete from spaces
    where ${inNamespace} and id = any(${ids}) and deleted_at = '-infinity'`);
  yield { table: 'spaces', rows: count };
}

/** Begins the erasure of namespaces, as `beginSpaces`. */
export async function beginNamespaces(db: Database, ids: SQL, days: number): Promise<void> {
  await db.execute(sql`
    update namespaces set deleted_at = '-infinity', revision = ${newRevision}
    where id = any(${ids}) and ${hasExpired(days)} and deleted_at > '-infinity'`);
}

/** The deletion of the counters of subjects that are nothing and made nothing. @param rows `(subject)` */
function dropCounters(rows: Key[]): SQL {
  const subjects = JSON.stringify(rows.map(({ subject }) => subject));
  return sql`
    delete from subject_counters where memberships = 0 and created = 0
      and subject in (select jsonb_array_elements_text((${subjects}::text)::jsonb))`;
}

/**
 * Erases the members of a namespace that are no owners, a batch at a time. On Citus their counters are on another node, and
 * go in a statement of their own: first, so that none is left behind by a stop in between.
 */
async function* eraseMembers(db: Database, namespaceId: string): AsyncGenerator<Erased> {
  const others = sql`members where namespace_id = ${namespaceId}::uuid and role <> 'owner'`;
  for (;;) {
    const rows = await db.execute<Key>(
      sql`select subject from ${others} order by members.subject limit ${BATCH}`,
    );
    const last = rows.at(-1)?.['subject'];
    if (last === undefined) return;
    await db.execute(dropCounters(rows));
    yield { table: 'members', rows: 0 };
    const { count } = await db.execute(sql`
      delete from members where namespace_id = ${namespaceId}::uuid and ctid = any(array(
        select ctid from ${others} and subject <= ${last} order by subject limit ${BATCH}))`);
    const more = rows.length === BATCH;
    yield { table: 'members', rows: count, more };
    if (!more) return;
  }
}

/**
 * Erases a namespace whose erasure has begun, a batch at a time. The owners are the last to go: until then they
 * can ask how it stands.
 */
export async function* eraseNamespace(db: Database, id: string): AsyncGenerator<Erased> {
  const inNamespace = sql`namespace_id = ${id}::uuid`;
  for (;;) {
    const spaces = await db.execute<{ id: string }>(
      sql`select id::text from spaces where ${inNamespace} limit ${BATCH}`,
    );
    if (spaces.length === 0) break;
    const ids = idsOf(spaces);
    await beginSpaces(db, id, sql`id = any(${ids})`, null);
    yield* eraseSpaces(db, id, ids);
    yield { table: 'spaces', rows: 0, more: spaces.length === BATCH };
  }
  yield* deleteBatches(db, 'idempotency_keys', id, sql`true`);
  yield* eraseMembers(db, id);
  // What is on the coordinator of Citus goes first here too.
  const known = await db.execute<Key>(sql`
    select subject from members where ${inNamespace}
    union select created_by from namespaces where id = ${id}::uuid`);
  await db.execute(sql`
    with counters as (${dropCounters(known)}) delete from namespace_slugs where held_by = ${id}::uuid`);
  yield { table: 'namespaces', rows: 0 };
  const { count } = await db.execute(sql`
    with counters as (delete from space_counters where ${inNamespace}),
      contents as (delete from content_counters where ${inNamespace}),
      former as (delete from former_space_slugs where ${inNamespace}),
      removed as (delete from members where ${inNamespace})
    delete from namespaces where id = ${id}::uuid and deleted_at = '-infinity'`);
  yield { table: 'namespaces', rows: count };
}
