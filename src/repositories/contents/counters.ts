import { and, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { contentCounters, contentKind } from '../../db/schema/content-counters.js';
import { fromOwnNamespace } from '../access/guard.js';
import { param } from '../access/statement.js';
import { newRevision } from '../revision.js';
import { COUNTER_SLOTS } from '../spaces/counters.js';
import { inSpace } from './access.js';

export type ContentKind = (typeof contentKind.enumValues)[number];

/** How many folders, episodes and assets a space has. */
export type Contents = Record<ContentKind, number>;

const ownSlot = sql`pg_backend_pid() % ${sql.raw(String(COUNTER_SLOTS))}`;

const activeOf = sql<number>`coalesce(sum(${contentCounters.active}), 0)::int`;

/**
 * A common table expression of one row: how many of a kind the space has, and the revision of their lists.
 *
 * @param total how many a list holds, where that is not all of them
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

/** In the order of the kinds, so that of two statements neither waits for the other to wait for it. */
const byKind = (written: SQL) => sql`
  select kind::content_kind as kind, sum(difference)::int as difference
  from (${written}) as written (kind, difference) group by kind order by kind`;

/**
 * A common table expression that counts the rows a statement has written, and changes the revision of the
 * lists of each kind.
 *
 * @param written rows `(kind, difference)`, none of a kind that was not written
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
 * As `countContents`, for deletions of folders, of which there is a counter. It inserts nothing, so that Citus sends the
 * statement to its shard as it is; its writers take turns by the tree anyway.
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

/** A query, for `countContents`, of the rows of a common table expression. */
export function countRows(kind: string, expression: string, difference: 1 | 0 | -1): SQL {
  return sql`select ${sql.raw(`'${kind}'`)}, ${sql.raw(String(difference))} * count(*)
    from ${sql.identifier(expression)} having count(*) > 0`;
}

/** The counts of a space's contents. @param spaceId an expression, null where there is no space */
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
