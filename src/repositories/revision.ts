import { sql } from 'drizzle-orm';

/**
 * The value of a new revision, different for each transaction; see the tables. Not `random()`, because Citus
 * does not send a statement with a volatile function to its shard.
 */
export const newRevision = sql`hashtextextended(now()::text || ' ' || pg_backend_pid(), 0)`;
