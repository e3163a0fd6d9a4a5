import { eq, sql } from 'drizzle-orm';
import type { Database } from '../db/client.js';
import { spaceCounters } from '../db/schema/space-counters.js';
import { param } from './access.js';

/** Enough rows that connections seldom wait for one another, few enough to add up on every list. */
const COUNTER_SLOTS = 16;

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
 * Counts the spaces that the common table expression `space` has just written, and changes the revision.
 *
 * @param difference what each of them adds to the active spaces
 */
export function countSpaces(db: Database, difference: 1 | 0 | -1) {
  return db.$with('counted', {}).as(sql`
    insert into ${spaceCounters} (namespace_id, slot, active, revision)
    select ${param('namespaceId')}::uuid, pg_backend_pid() % ${sql.raw(String(COUNTER_SLOTS))},
      ${sql.raw(String(difference))} * count(*), (random() * 2 ^ 53)::bigint
    from space having count(*) > 0
    on conflict (namespace_id, slot) do update
    set active = ${spaceCounters}.active + excluded.active, revision = excluded.revision`);
}
