import { sql } from 'drizzle-orm';
import { bigint, check, integer, pgTable, primaryKey, smallint, uuid } from 'drizzle-orm/pg-core';
import { namespaces } from './namespaces.js';

/**
 * The number of active spaces of a namespace, so that the cost of a list's total does not grow with it. Spread
 * over several rows, because with one row all creates in a namespace would wait for one another. A single row
 * may be negative; the sum is the count.
 */
export const spaceCounters = pgTable(
  'space_counters',
  {
    namespaceId: uuid('namespace_id')
      .notNull()
      .references(() => namespaces.id),
    slot: smallint('slot').notNull(),
    active: integer('active').notNull(),
    /** the quota, less the counts of other rows, when `active` last grew; null without a quota */
    activeMax: integer('active_max'),
    /**
     * Replaced by each write of a space of the namespace; the sum over the slots is the revision of the lists.
     * Not a sequence, so that a database that lost its last writes does not reuse a value.
     */
    revision: bigint('revision', { mode: 'bigint' })
      .notNull()
      .default(sql`0`),
  },
  (table) => [
    primaryKey({ columns: [table.namespaceId, table.slot] }),
    check('space_counters_quota_check', sql`active <= active_max`),
  ],
);
