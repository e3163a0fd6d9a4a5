import { sql } from 'drizzle-orm';
import { check, integer, pgTable, text } from 'drizzle-orm/pg-core';

/** The counters of one subject, so that the total of its list of namespaces costs the same at any length. */
export const subjectCounters = pgTable(
  'subject_counters',
  {
    subject: text('subject').primaryKey(),
    /** number of active namespaces that it is a member of */
    memberships: integer('memberships').notNull(),
    /** number of active namespaces that it created */
    created: integer('created').notNull(),
    /** the quota when `created` last grew; null for none */
    createdMax: integer('created_max'),
  },
  () => [check('subject_counters_quota_check', sql`created <= created_max`)],
);
