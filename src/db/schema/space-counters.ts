import { sql } from 'drizzle-orm';
import { bigint, check, integer, pgTable, primaryKey, smallint, uuid } from 'drizzle-orm/pg-core';
import { namespaces } from './namespaces.js';

/**
 * How many active spaces a namespace has, so that a list's total does not grow with it. Spread over
 * a few rows, because one row would make every create of a namespace wait for the one before it.
 * A single row may be negative; their sum is the count.
 */
export const spaceCounters = pgTable(
  'space_counters',
  {
    namespaceId: uuid('namespace_id')
      .notNull()
      .references(() => namespaces.id),
    slot: smallint('slot').notNull(),
    active: integer('active').notNull(),
    /** the rest of the quota when `active` last grew; null without a quota */
    activeMax: integer('active_max'),
    /**
     * A random number that each write of a space of the namespace replaces. The sum over the slots is the
     * revision of the lists: random, so that a database that lost its last writes does not reuse it.
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
