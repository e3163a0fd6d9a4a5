import { sql } from 'drizzle-orm';

/** The value of a new revision; see the table. */
export const newRevision = sql`(random() * 2 ^ 53)::bigint`;
