import { eq, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { spaceCounters } from '../../db/schema/space-counters.js';
import { fromOwnNamespace } from '../access/guard.js';
import { param } from '../access/statement.js';
import { newRevision } from '../revision.js';

/** Enough rows that connections rarely wait for one another, few enough to sum up for every list. */
export const COUNTER_SLOTS = 16;

/**
 * The common table expression `total` of one row: the number of active spaces of the namespace, and the
 * revision of its lists, which every write of a space changes.
 */
export function spaceTotal(db: Database) {
  return db.$with('total').as(
    db
      .select({
        total: sql<number>`coalesce(sum(${spaceCounters.active}), 0)::int`.as('total'),
        revision: sql<string>`coalesce(sum(${spaceCounters.revision}), 0)::text`.as('revision'),
      })
      .from(spaceCounters)
      .where(eq(spaceCounters.namespaceId, param('namespaceId'))),
  );
}

const quota = sql`${param('quota')}::int`;
const inNamespace = sql`${spaceCounters} where namespace_id = ${param('namespaceId')}`;

/**
 * The slot of this connection. With a quota all connections use slot 0, so that the quota is exact: no two
 * statements change one row at once.
 */
const ownSlot = sql`pg_backend_pid() % ${sql.raw(String(COUNTER_SLOTS))} * (${quota} is null)::int`;

const written = sql`(select count(*) from space)`;

/** The common table expressions that count the rows that `space` has added, and replace the revision. */
export function countAddedSpaces(db: Database) {
  const room = sql`case when ${quota} is not null
    then ${quota} - (select coalesce(sum(active), 0) from ${inNamespace} and slot <> 0) end`;
  const counted = db.$with('counted', {}).as(sql`
    update ${spaceCounters}
    set active = active + ${written}, active_max = ${room}, revision = ${newRevision}
    where namespace_id = ${param('namespaceId')} and slot = ${ownSlot} and ${written} > 0
    returning slot`);
  const begun = db.$with('begun_counter', {}).as(sql`
    insert into ${spaceCounters} as counter (namespace_id, slot, active, active_max, revision)
    select own.id, ${ownSlot}, ${written}, ${room}, ${newRevision}
    ${fromOwnNamespace(sql``, sql`${written} > 0 and not exists (select from counted)`)}
    on conflict (namespace_id, slot) do update set active = counter.active + excluded.active,
      active_max = excluded.active_max, revision = excluded.revision`);
  return [counted, begun] as const;
}

/**
 * As `countAddedSpaces`, for spaces that were changed or deleted. It inserts the row of this connection's slot
 * if it is missing, so that statements of different connections do not wait for one another.
 *
 * @param difference added to the number of active spaces for each of them; an expression must not be positive
 */
export function recountSpaces(db: Database, difference: 0 | -1 | SQL) {
  const each = typeof difference === 'number' ? sql.raw(String(difference)) : difference;
  return db.$with('counted', {}).as(sql`
    insert into ${spaceCounters} as counter (namespace_id, slot, active, revision)
    select own.id, ${ownSlot}, (${each}) * ${written}, ${newRevision}
    ${fromOwnNamespace(sql``, sql`${written} > 0`)}
    on conflict (namespace_id, slot) do update
    set active = counter.active + excluded.active, revision = excluded.revision`);
}
