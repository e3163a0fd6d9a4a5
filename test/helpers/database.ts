import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import type { Test } from 'tap';
import { connect, type Database, type DatabaseOptions } from '../../src/db/client.js';

/** @returns the URL of another database of the same server */
export function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** A pooler in transaction mode, in front of the server, that the services under test connect to. */
const poolerUrl = process.env['TEST_POOLER_URL'];

/** Whether statements are prepared: a pooler has to keep them for that. */
const prepares = !poolerUrl || process.env['TEST_POOLER_PREPARES'] === 'true';

/** For services that run as processes. */
export const poolerEnv: Record<string, string> = prepares ? {} : { DATABASE_PREPARE: 'false' };

/** postgres.js describes the parameters of an unprepared statement in a round trip of its own. */
export const ROUND_TRIPS_PER_STATEMENT = prepares ? 1 : 2;

/** The server that `npm test` has started, and the migrated template on it. */
export function testServer(): { url: string; template: string } {
  const url = process.env['TEST_SERVER_URL'];
  const template = process.env['TEST_TEMPLATE'];
  if (!url || !template) throw new Error('Run the tests with npm test, which starts PostgreSQL');
  return { url, template };
}

/**
 * Creates a database that is dropped when the test ends.
 *
 * @param options `empty` for one without any migration; `direct` to reach it past the pooler, for what
 *   that does not pass on: users, sessions, and which connection has what prepared
 * @returns its URL
 */
export async function createDatabase(
  t: Test,
  options: { empty?: boolean; direct?: boolean } = {},
): Promise<string> {
  const { url, template } = testServer();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  const admin = postgres(url, { max: 1, onnotice: () => undefined });
  await admin`create database ${admin(name)} template ${admin(options.empty ? 'template0' : template)} strategy file_copy`;
  t.teardown(async () => {
    await admin`drop database ${admin(name)} with (force)`;
    await admin.end();
  });
  return databaseUrl(options.direct ? url : (poolerUrl ?? url), name);
}

/** Opens a pool as the service does, ended when the test ends. */
export function openDatabase(
  t: Test,
  url: string,
  options: Partial<Omit<DatabaseOptions, 'url'>> = {},
): Database {
  const db = connect({
    url,
    // Sixty concurrent requests run without a queue, which would reject some on a slow machine.
    poolMax: 15,
    statementTimeoutMs: 10_000,
    prepare: prepares,
    ...options,
  });
  t.teardown(() => db.$client.end({ timeout: 1 }));
  return db;
}

/** Deletes all rows, so that tests of one file can share a service one after another. */
export async function emptyDatabase(db: Database): Promise<void> {
  const tables = await db.execute<{ name: string }>(
    sql`select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  );
  const names = tables.map(({ name }) => sql.identifier(name));
  await db.execute(sql`truncate ${sql.join(names, sql`, `)}`);
}
