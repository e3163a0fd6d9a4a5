import { and, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { contentCounters, contentKind } from '../../db/schema/content-counters.js';
import { fromOwnNamespace } from '../access/guard.js';
import { param } from '../access/statement.js';
import { newRevision } from '../revision.js';
import { COUNTER_SLOTS } from '../spaces/counters.js';
import { inSpace } from './access.js';

export type ContentKind = (typeof contentKind.enumValues)[number];

/** The numbers of active folders, episodes and assets of a space. */
export type Contents = Record<ContentKind, number>;

const ownSlot = sql`pg_backend_pid() % ${sql.raw(String(COUNTER_SLOTS))}`;

const activeOf = sql<number>`coalesce(sum(${contentCounters.active}), 0)::int`;

/**
 * The common table expression `total` of one row: the number of items of a kind in the space, and the revision
 * of their lists.
 *
 * @param total the number of items of the list, where it does not contain all of them
 */
export function contentTotal(db: Database, kind: string, total = activeOf) {
  return db.$with('total').as(
    db
      .select({
        total: total.as('total'),
        revision: sql<string>`coalesce(sum(${contentCounters.revision}), 0)::text`.as('revision'),
      })
      .from(contentCounters)
      .where(and(inSpace(contentCounters), sql`${contentCounters.kind} = ${sql.raw(`'${kind}'`)}`)),
  );
}

/** Groups changes by kind, in the order of the kinds, so that two statements never deadlock. */
const byKind = (written: SQL) => sql`
  select kind::content_kind as kind, sum(difference)::int as difference
  from (${written}) as written (kind, difference) group by kind order by kind`;

/**
 * The common table expression that updates the counters for the rows that a statement has written, and replaces
 * the revision of the lists of each kind.
 *
 * @param written a query of rows `(kind, difference)`, without rows for kinds that were not written
 */
export function countContents(db: Database, written: SQL) {
  return db.$with('counted', {}).as(sql`
    insert into ${contentCounters} as counter (namespace_id, space_id, kind, slot, active, revision)
    select own.id, ${param('spaceId')}::uuid, changed.kind, ${ownSlot}, changed.difference, ${newRevision}
    ${fromOwnNamespace(sql`, (${byKind(written)}) as changed`, sql`true`)}
    on conflict (namespace_id, space_id, kind, slot) do update
    set active = counter.active + excluded.active, revision = excluded.revision`);
}

/**
 * As `countContents`, for deletions of folders, whose counter exists. Without an insert, so that Citus sends
 * the whole statement to its shard. The lock on the tree serializes its writers anyway.
 */
export function recountContents(db: Database, written: SQL) {
  return db.$with('counted', {}).as(sql`
    update ${contentCounters} as counter
    set active = counter.active + changed.difference, revision = ${newRevision}
    from (${byKind(written)}) as changed
    where counter.namespace_id = ${param('namespaceId')} and counter.space_id = ${param('spaceId')}
      and counter.kind = changed.kind and counter.slot = (
        select slot from ${contentCounters} where ${inSpace(contentCounters)} and kind = changed.kind
        order by slot <> ${ownSlot}, slot limit 1)`);
}

/** @returns a query for `countContents` that counts the rows of a common table expression */
export function countRows(kind: string, expression: string, difference: 1 | 0 | -1): SQL {
  return sql`select ${sql.raw(`'${kind}'`)}, ${sql.raw(String(difference))} * count(*)
    from ${sql.identifier(expression)} having count(*) > 0`;
}

/** The counts of a space's contents as JSON. @param spaceId an expression, null if there is no space */
export function contentsOf(spaceId = sql`(select id from space)`): SQL<Contents> {
  const sums = contentKind.enumValues.map(
    (kind) =>
      sql`${sql.raw(`'${kind}'`)}, coalesce(sum(active) filter (where kind = ${sql.raw(`'${kind}'`)}), 0)`,
  );
  return sql<Contents>`(
    select json_build_object(${sql.join(sums, sql`, `)})
    from ${contentCounters}
    where ${contentCounters.namespaceId} = ${param('namespaceId')} and ${contentCounters.spaceId} = ${spaceId})`;
}
