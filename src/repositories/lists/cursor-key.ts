import { sql } from 'drizzle-orm';
import { randomBytes } from 'node:crypto';
import type { Database } from '../../db/client.js';
import { cursorKeys } from '../../db/schema/cursor-keys.js';
import { param, repeat } from '../access/statement.js';

const KEY_BYTES = 32;

/**
 * Finds the key that all processes seal cursors with; makes it where there is none yet.
 *
 * @returns a function that asks the database once, and after a failure once more
 */
export function cursorKey(db: Database): () => Promise<Buffer> {
  const made = db.$with('made', { key: sql<string>`key`.as('key') }).as(sql`
    insert into ${cursorKeys} (key) values (${param('key')}) on conflict do nothing returning key`);
  const statement = db
    .with(made)
    .select({ key: sql<string | null>`coalesce((select key from made), ${cursorKeys.key})` })
    .from(sql`(select) as one`)
    .leftJoin(cursorKeys, sql`true`)
    .prepare('cursor_key');

  let known: Promise<Buffer> | null = null;
  const find = async (): Promise<Buffer> => {
    const key = randomBytes(KEY_BYTES).toString('base64');
    const row = await repeat(statement, { key });
    // Null to whom another process overtook, whose key was not there yet when this statement began.
    return row?.key == null ? find() : Buffer.from(row.key, 'base64');
  };
  return () => {
    known ??= find().catch((error: unknown) => {
      known = null;
      throw error;
    });
    return known;
  };
}
