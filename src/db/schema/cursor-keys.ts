import { sql } from 'drizzle-orm';
import { check, integer, pgTable, text } from 'drizzle-orm/pg-core';

/** The one key that all processes seal cursors with; the first that needs it makes it. */
export const cursorKeys = pgTable(
  'cursor_keys',
  {
    id: integer('id').primaryKey().default(1),
    /** base64 */
    key: text('key').notNull(),
  },
  () => [check('cursor_keys_one_check', sql`id = 1`)],
);
