import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import type { Test } from 'tap';
import type { Database } from '../../src/db/client.js';
import { type Service, startService } from './app.js';
import { createDatabase } from './database.js';

/** A service on a database whose coordinator counts. */
export async function startObserved(t: Test): Promise<Service> {
  const databaseUrl = await createDatabase(t);
  const admin = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  const name = new URL(databaseUrl).pathname.slice(1);
  await admin`alter database ${admin(name)} set citus.enable_stat_counters to on`;
  await admin.end();
  return startService(t, { databaseUrl });
}

/** @returns how many executions of one shard, and of several, the coordinator has begun */
export async function executions(db: Database): Promise<[one: number, several: number]> {
  const [counted] = await db.execute<{ one: number; several: number }>(sql`
    select query_execution_single_shard::int as one, query_execution_multi_shard::int as several
    from citus_stat_counters where name = current_database()`);
  return [counted?.one ?? 0, counted?.several ?? 0];
}
