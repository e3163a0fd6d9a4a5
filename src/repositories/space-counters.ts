import { eq, sql } from 'drizzle-orm';
import type { Database } from '../db/client.js';
import { spaceCounters } from '../db/schema/space-counters.js';
import { param } from './access.js';

/** Enough rows that connections seldom wait for one another, few enough to add up on every list. */
const COUNTER_SLOTS = 16;

/** How many active spaces the namespace has: a common table expression of one row. */
export function spaceTotal(db: Database) {
  return db.$with('total').as(
    db
      .select({ total: sql<number>`coalesce(sum(${spaceCounters.active}), 0)::int`.as('total') })
      .from(spaceCounters)
      .where(eq(spaceCounters.namespaceId, param('namespaceId'))),
  );
}

/** Counts the spaces that the common table expression `space` has just written. */
export function countSpaces(db: Database, difference: 1 | -1) {
  return db.$with('counted', {}).as(sql`
    insert into ${spaceCounters} (namespace_id, slot, active)
    select ${param('namespaceId')}::uuid, pg_backend_pid() % ${sql.raw(String(COUNTER_SLOTS))},
      ${sql.raw(String(difference))} * count(*)
    from space having count(*) > 0
    on conflict (namespace_id, slot)
    do update set active = ${spaceCounters}.active + excluded.active`);
}
