import { sql } from 'drizzle-orm';

/**
 * The value of a new revision; see the tables. Each transaction has another one. Not `random()`, because a
 * statement with a volatile function is not sent to a shard as it is.
 */
export const newRevision = sql`hashtextextended(now()::text || ' ' || pg_backend_pid(), 0)`;
