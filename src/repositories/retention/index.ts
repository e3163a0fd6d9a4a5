import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { newRevision } from '../revision.js';
import {
  beginNamespaces,
  beginSpaces,
  type Erased,
  eraseNamespace,
  eraseSpaces,
  hasExpired,
} from './containers.js';
import { chunksOf, groupBy, idsOf, type Key, scan } from './scan.js';

/** The condition of the indexes of deleted rows. */
const isDeleted = sql`deleted_at is not null`;

/** The most episodes of one statement, which also erases their assets. */
const EPISODES = 10;

/** The number of days after which deleted items are erased. */
export interface RetentionSettings {
  /** 0 disables the retention, except for erasures that have begun */
  retentionDays: number;
  /** how long released slugs are reserved, and the deleted namespace that had them is kept */
  slugHoldDays: number;
}

/**
 * Permanently erases everything that was deleted before the retention period: namespaces, spaces, episodes and assets with
 * all their contents, and expired idempotency keys.
 *
 * Every statement is short, and the generator may stop after any of them: the next run continues. No item is
 * ever visible half erased. The first statement hides a namespace or a space, which take many statements;
 * an episode and its assets are erased by one.
 *
 * @yields after each statement the number of erased rows, which may be 0
 */
export async function* eraseExpired(
  db: Database,
  { retentionDays, slugHoldDays }: RetentionSettings,
): AsyncGenerator<Erased> {
  const namespaceDays = retentionDays === 0 ? 0 : Math.max(retentionDays, slugHoldDays);
  const namespaces = { table: sql`namespaces`, key: ['id'], where: sql`true` };
  for await (const rows of scan(db, { ...namespaces, isExpired: hasExpired(namespaceDays) })) {
    yield { table: 'namespaces', rows: 0 };
    if (rows.length === 0) continue;
    await beginNamespaces(db, idsOf(rows), namespaceDays);
    for (const { id = '' } of await begun(db, sql`namespaces where true`, rows))
      yield* eraseNamespace(db, id);
  }

  const spaces = { table: sql`spaces`, key: ['namespace_id', 'id'], where: isDeleted };
  for await (const rows of scan(db, { ...spaces, isExpired: hasExpired(retentionDays) })) {
    yield { table: 'spaces', rows: 0 };
    for (const group of groupBy(rows, ['namespace_id'])) {
      const namespaceId = group[0]?.['namespace_id'] ?? '';
      await beginSpaces(db, namespaceId, sql`id = any(${idsOf(group)})`, retentionDays);
      const inNamespace = sql`spaces where namespace_id = ${namespaceId}::uuid`;
      const due = await begun(db, inNamespace, group);
      if (due.length > 0) yield* eraseSpaces(db, namespaceId, idsOf(due));
    }
  }

  if (retentionDays > 0) yield* eraseContents(db, hasExpired(retentionDays));

  const keys = {
    table: sql`idempotency_keys`,
    key: ['namespace_id', 'subject', 'operation', 'key'],
    where: sql`true`,
    isExpired: sql`expires_at < now()`,
  };
  for await (const rows of scan(db, keys)) {
    yield { table: 'idempotency_keys', rows: 0 };
    if (rows.length > 0) yield await eraseKeys(db, rows);
  }
}

/** Erases old episodes and assets. */
async function* eraseContents(db: Database, isOld: SQL): AsyncGenerator<Erased> {
  const inSpaces = ['namespace_id', 'space_id', 'id'];
  const episodes = { table: sql`episodes`, key: inSpaces, where: isDeleted };
  for await (const rows of scan(db, { ...episodes, isExpired: isOld })) {
    yield { table: 'episodes', rows: 0 };
    for (const group of groupBy(rows, ['namespace_id', 'space_id'])) {
      for (const some of chunksOf(group, EPISODES)) {
        yield* eraseEpisodes(db, some, isOld);
      }
    }
  }
  // Assets of a deleted episode are erased with it.
  const isAlone = sql`${isOld} and not deleted_with_episode`;
  const assets = { table: sql`assets`, key: inSpaces, where: isDeleted };
  for await (const rows of scan(db, { ...assets, isExpired: isAlone })) {
    yield { table: 'assets', rows: 0 };
    for (const group of groupBy(rows, ['namespace_id', 'space_id'])) {
      yield await eraseAssets(db, group, isAlone);
    }
  }
}

/**
 * @param from the table, and a condition
 * @returns the rows whose erasure has begun; the others were restored meanwhile
 */
async function begun(db: Database, from: SQL, rows: Key[]): Promise<Key[]> {
  return db.execute<Key>(
    sql`select id::text from ${from} and id = any(${idsOf(rows)}) and deleted_at = '-infinity'`,
  );
}

const inNamespaceOf = ([first]: Key[]) =>
  sql`namespace_id = ${first?.['namespace_id'] ?? ''}::uuid`;

const inSpaceOf = (rows: Key[]) =>
  sql`${inNamespaceOf(rows)} and space_id = ${rows[0]?.['space_id'] ?? ''}::uuid`;

/** The expression that changes the revision of the lists of a kind, in one of its counters: a space with such items has one. */
const revise = (rows: Key[], kind: 'episodes' | 'assets', erased: SQL) => {
  const ofKind = sql`content_counters where ${inSpaceOf(rows)} and kind = ${kind}::content_kind`;
  return sql`
    update content_counters set revision = ${newRevision}
    where ${inSpaceOf(rows)} and kind = ${kind}::content_kind and exists (select from ${erased})
      and slot = (select slot from ${ofKind} order by slot limit 1)`;
};

/**
 * A query of the rows of a table that were found and are still old, `(id, place)`, which locks them. Each is looked up by
 * its id: with all ids in one condition PostgreSQL, which knows only the average space, may read the whole of a large one.
 */
const locked = (table: 'assets' | 'episodes', rows: Key[], isOld: SQL) => sql`
  select row.id, row.place from unnest(${idsOf(rows)}) as found (id), lateral (
    select t.id, t.ctid as place from ${sql.identifier(table)} t
    where ${inSpaceOf(rows)} and t.id = found.id and (${isOld}) is true offset 0 for update) as row`;

async function* eraseEpisodes(db: Database, rows: Key[], isOld: SQL): AsyncGenerator<Erased> {
  const [result] = await db.execute<{ episodes: number; assets: number }>(sql`
    with old as (${locked('episodes', rows, isOld)}),
    gone_assets as (
      delete from assets where ${inNamespaceOf(rows)} and ctid = any(array(
        select owned.place from old, lateral (
          select t.ctid as place from assets t
          where ${inSpaceOf(rows)} and t.episode_id = old.id offset 0) as owned))
      returning id
    ),
    gone as (delete from episodes where ${inNamespaceOf(rows)} and ctid = any(array(select place from old)) returning id),
    revised_assets as (${revise(rows, 'assets', sql`gone_assets`)}),
    revised as (${revise(rows, 'episodes', sql`gone`)})
    select (select count(*)::int from gone) as episodes, (select count(*)::int from gone_assets) as assets`);
  yield { table: 'assets', rows: result?.assets ?? 0 };
  yield { table: 'episodes', rows: result?.episodes ?? 0 };
}

async function eraseAssets(db: Database, rows: Key[], isOld: SQL): Promise<Erased> {
  const [result] = await db.execute<{ assets: number }>(sql`
    with old as (${locked('assets', rows, isOld)}),
    gone as (delete from assets where ${inNamespaceOf(rows)} and ctid = any(array(select place from old)) returning id),
    revised as (${revise(rows, 'assets', sql`gone`)})
    select count(*)::int as assets from gone`);
  return { table: 'assets', rows: result?.assets ?? 0 };
}

/** Looks each key up in the primary key: with a plain condition PostgreSQL may read all expired rows of `expires_at` instead. */
async function eraseKeys(db: Database, rows: Key[]): Promise<Erased> {
  const keys = JSON.stringify(rows);
  const { count } = await db.execute(sql`
    delete from idempotency_keys where (expires_at < now()) is true and (namespace_id, subject, operation, key) in (
      select namespace_id, subject, operation, key from jsonb_to_recordset((${keys}::text)::jsonb)
        as old (namespace_id uuid, subject text, operation text, key text))`);
  return { table: 'idempotency_keys', rows: count };
}
