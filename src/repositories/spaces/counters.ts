import { eq, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { spaceCounters } from '../../db/schema/space-counters.js';
import { fromOwnNamespace } from '../access/guard.js';
import { param } from '../access/statement.js';
import { newRevision } from '../revision.js';

/** Enough rows that connections seldom wait for one another, few enough to add up on every list. */
export const COUNTER_SLOTS = 16;

/**
 * A common table expression of one row: how many active spaces the namespace has, and the revision of its
 * lists, which no write of a space leaves as it was.
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

/** The row that this connection counts in. A quota is exact because all counts are then in one row, which no two statements change at once. */
const ownSlot = sql`pg_backend_pid() % ${sql.raw(String(COUNTER_SLOTS))} * (${quota} is null)::int`;

const written = sql`(select count(*) from space)`;

/** The common table expressions that count the spaces that the expression `space` has added, and change the revision. */
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
 * As `countAddedSpaces`, of spaces that were changed or deleted. It adds the row of this connection where there is
 * none, so that no two statements wait for one another.
 *
 * @param difference added to the active spaces by each of them; an expression is not positive
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
