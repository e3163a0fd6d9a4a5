import { sql } from 'drizzle-orm';
import { check, integer, pgTable, text } from 'drizzle-orm/pg-core';

/**
 * Read by the version before, which seals cursors with the key, and by nothing of this one. The next version
 * drops it: while replicas of both run, the older ones need it.
 */
export const cursorKeys = pgTable(
  'cursor_keys',
  {
    id: integer('id').primaryKey().default(1),
    /** base64 */
    key: text('key').notNull(),
  },
  () => [check('cursor_keys_one_check', sql`id = 1`)],
);
