import { eq, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { spaceCounters } from '../../db/schema/space-counters.js';
import { param } from '../access/statement.js';

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

/**
 * Counts the spaces that the common table expression `space` has written, and changes the revision.
 *
 * A quota is exact because all counts of a namespace are then in one row, which no two statements change at
 * once.
 *
 * @param difference added to the active spaces by each of them; an expression is not positive
 */
export function countSpaces(db: Database, difference: 1 | 0 | -1 | SQL) {
  const quota = sql`${param('quota')}::int`;
  const slots = sql.raw(String(COUNTER_SLOTS));
  const inNamespace = sql`${spaceCounters} where namespace_id = ${param('namespaceId')}`;
  const room = sql`${quota} - (select coalesce(sum(active), 0) from ${inNamespace} and slot <> 0)`;
  // An existing row may be negative: the quota is checked after the addition.
  const first = sql`case when ${quota} is not null
    and not exists (select from ${inNamespace} and slot = 0) then ${room} end`;
  const grows = difference === 1;
  const each = typeof difference === 'number' ? sql.raw(String(difference)) : difference;
  return db.$with('counted', {}).as(sql`
    insert into ${spaceCounters} (namespace_id, slot, active, active_max, revision)
    select ${param('namespaceId')}::uuid,
      case when ${quota} is null then pg_backend_pid() % ${slots} else 0 end,
      ${each} * count(*), ${grows ? first : sql`null::int`},
      (random() * 2 ^ 53)::bigint
    from space having count(*) > 0
    on conflict (namespace_id, slot) do update
    set active = ${spaceCounters}.active + excluded.active, revision = excluded.revision,
      active_max = ${grows ? sql`case when ${quota} is not null then ${room} end` : sql`${spaceCounters}.active_max`}`);
}
