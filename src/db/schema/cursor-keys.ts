import { sql } from 'drizzle-orm';
import { check, integer, pgTable, text } from 'drizzle-orm/pg-core';

/**
 * Unused. The previous version signs its cursors with the key, and needs the table while replicas of both versions
 * run. The next version drops it.
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
