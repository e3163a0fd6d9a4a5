import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { BATCH, idsOf } from './scan.js';

/** The tables of a space's contents, in the order in which foreign keys allow to erase them. */
const contentTables = ['assets', 'episodes', 'folders'] as const;

export const erasedTables = [
  'namespaces',
  'spaces',
  'folders',
  'episodes',
  'assets',
  'idempotency_keys',
] as const;

export type ErasedTable = (typeof erasedTables)[number];

/** The rows that one statement has erased. */
export interface Erased {
  table: ErasedTable;
  rows: number;
}

const expired = (days: number) => sql`deleted_at < now() - make_interval(days => ${days}::int)`;

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
  const isOld = days === null ? sql`true` : expired(days);
  await db.execute(sql`
    with begun as (
      update spaces set deleted_at = '-infinity'
      where namespace_id = ${namespaceId}::uuid and ${which} and ${isOld}
        and deleted_at is distinct from '-infinity'
      returning id
    )
    insert into space_counters (namespace_id, slot, active, revision)
    select ${namespaceId}::uuid, 0, 0, (random() * 2 ^ 53)::bigint from begun having count(*) > 0
    on conflict (namespace_id, slot) do update set revision = excluded.revision`);
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
  const inSpaces = sql`${inNamespace} and space_id = any(${due})`;
  for (const table of contentTables) {
    for (;;) {
      const name = sql.identifier(table);
      const { count } = await db.execute(sql`
        delete from ${name} where ${inNamespace} and (space_id, id) in (
          select space_id, id from ${name} where ${inSpaces} limit ${BATCH})`);
      yield { table, rows: count };
      if (count < BATCH) break;
    }
  }
  const { count } = await db.execute(sql`
    with tree as (delete from folder_trees where ${inSpaces}),
      counters as (delete from content_counters where ${inSpaces}),
      slugs as (delete from former_space_slugs where ${inNamespace} and held_by = any(${due}))
    delete from spaces
    where ${inNamespace} and id = any(${ids}) and deleted_at = '-infinity'`);
  yield { table: 'spaces', rows: count };
}

/** Begins the erasure of namespaces, as `beginSpaces`. */
export async function beginNamespaces(db: Database, ids: SQL, days: number): Promise<void> {
  await db.execute(sql`
    update namespaces set deleted_at = '-infinity', revision = (random() * 2 ^ 53)::bigint
    where id = any(${ids}) and ${expired(days)} and deleted_at > '-infinity'`);
}

/** Erases a namespace whose erasure has begun, a batch at a time. */
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
  }
  for (;;) {
    const { count } = await db.execute(sql`
      delete from idempotency_keys
      where ${inNamespace} and (subject, operation, key) in (
        select subject, operation, key from idempotency_keys where ${inNamespace} limit ${BATCH})`);
    yield { table: 'idempotency_keys', rows: count };
    if (count < BATCH) break;
  }
  const { count } = await db.execute(sql`
    with counters as (delete from space_counters where ${inNamespace}),
      contents as (delete from content_counters where ${inNamespace}),
      former as (delete from former_space_slugs where ${inNamespace}),
      slugs as (delete from namespace_slugs where held_by = ${id}::uuid),
      removed as (delete from members where ${inNamespace} returning subject),
      subjects as (
        delete from subject_counters
        where memberships = 0 and created = 0 and subject in (
          select subject from removed union select created_by from namespaces where id = ${id}::uuid))
    delete from namespaces where id = ${id}::uuid and deleted_at = '-infinity'`);
  yield { table: 'namespaces', rows: count };
}
