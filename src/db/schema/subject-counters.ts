import { sql } from 'drizzle-orm';
import { check, integer, pgTable, text } from 'drizzle-orm/pg-core';

/** The counters of one subject: reading the total of its list costs the same however long that is. */
export const subjectCounters = pgTable(
  'subject_counters',
  {
    subject: text('subject').primaryKey(),
    /** the active namespaces that it is a member of */
    memberships: integer('memberships').notNull(),
    /** the active namespaces that it created */
    created: integer('created').notNull(),
    /** the quota that was in force when `created` grew last; null for none */
    createdMax: integer('created_max'),
  },
  () => [check('subject_counters_quota_check', sql`created <= created_max`)],
);
