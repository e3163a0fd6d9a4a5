import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { newRevision } from '../revision.js';
import { eraseKeyOfNamespace, eraseKeysOfSpaces } from './keys.js';
import { BATCH, idsOf, type Key } from './scan.js';

/** The tables of a space's contents, in an order that the foreign keys allow. */
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
  /** the number of erased rows */
  rows: number;
  /** whether the same statement is repeated next */
  more?: boolean;
}

/**
 * The condition that a row was deleted at least so many days ago, or that its erasure has begun.
 *
 * @param days 0 for only rows whose erasure has begun
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
 * @param days the age at which a deleted space is erased; null for all spaces, deleted or active
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
 * Deletes rows of a namespace, a batch at a time, until there are none. Two processes may do so concurrently: the end
 * depends on the number of rows found, because another process may have deleted some of them.
 *
 * Citus allows a deletion by `ctid` only in a statement that it sends to one shard unchanged.
 *
 * @param where the condition of the rows; no new row may match it
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
  // Checked by each statement: a process of the previous version ignores erasures, and may have restored a space.
  const due = sql`array(
    select id from spaces where ${inNamespace} and id = any(${ids}) and deleted_at = '-infinity')`;
  const inSpaces = sql`space_id = any(${due})`;
  // First: until then a repeated request may get a saved response that shows the space.
  yield* eraseKeysOfSpaces(db, namespaceId, sql`${due}::text[]`);
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

/** The deletion of the counters of subjects without memberships and namespaces. @param rows `(subject)` */
function dropCounters(rows: Key[]): SQL {
  const subjects = JSON.stringify(rows.map(({ subject }) => subject));
  return sql`
    delete from subject_counters where memberships = 0 and created = 0
      and subject in (select jsonb_array_elements_text((${subjects}::text)::jsonb))`;
}

/**
 * Erases the members of a namespace except its owners, a batch at a time. On Citus their counters are on another node:
 * a separate statement deletes them first, so that an interruption leaves none behind.
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
 * Erases a namespace whose erasure has begun, a batch at a time. Its owners are deleted last, so that they can
 * ask for its status until then.
 */
export async function* eraseNamespace(db: Database, id: string): AsyncGenerator<Erased> {
  const inNamespace = sql`namespace_id = ${id}::uuid`;
  // First, so that the erasures of the spaces find no keys to read.
  yield* deleteBatches(db, 'idempotency_keys', id, sql`true`);
  yield* eraseKeyOfNamespace(db, id);
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
  yield* eraseMembers(db, id);
  // The rows on the coordinator of Citus are deleted first here too.
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
