import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { Test } from 'tap';
import { connect, type Database, type DatabaseOptions } from '../../src/db/client.js';
import { createDatabaseOn, databaseUrl, dropDatabaseOn } from './nodes.js';

export { databaseUrl } from './nodes.js';

/** A pooler in transaction mode, in front of the server, that the services under test connect to. */
const poolerUrl = process.env['TEST_POOLER_URL'];

/** Whether statements are prepared, which needs a pooler that keeps them. */
const prepares = !poolerUrl || process.env['TEST_POOLER_PREPARES'] === 'true';

/** The settings of services that run as processes. */
export const poolerEnv: Record<string, string> = prepares ? {} : { DATABASE_PREPARE: 'false' };

/** postgres.js describes the parameters of an unprepared statement in a round trip of its own. */
export const ROUND_TRIPS_PER_STATEMENT = prepares ? 1 : 2;

/** The server that `npm test` has started, and the migrated template on it; of a cluster also all nodes. */
export function testServer(): { url: string; nodes: string[]; template: string } {
  const nodes = process.env['TEST_NODES']?.split(' ') ?? [];
  const template = process.env['TEST_TEMPLATE'];
  const [url] = nodes;
  if (!url || !template) throw new Error('Run the tests with npm test, which starts PostgreSQL');
  return { url, nodes, template };
}

/** Whether the database under test is distributed. */
export const isDistributed = (process.env['TEST_NODES'] ?? '').includes(' ');

/**
 * Creates a database that is dropped when the test ends.
 *
 * @param options `empty`: without any migration; `direct`: without the pooler, for tests of users, sessions and
 *   prepared statements
 * @returns its URL
 */
export async function createDatabase(
  t: Test,
  options: { empty?: boolean; direct?: boolean } = {},
): Promise<string> {
  const { url, nodes, template } = testServer();
  const name = `test_${randomUUID().replaceAll('-', '')}`;
  await createDatabaseOn(nodes, name, options.empty ? 'template0' : template);
  t.teardown(() => dropDatabaseOn(nodes, name));
  const database = new URL(databaseUrl(options.direct ? url : (poolerUrl ?? url), name));
  // Citus plans a statement of several tasks for its parameters (docs/scaling.md).
  if (isDistributed) database.searchParams.set('options', '-cplan_cache_mode=auto');
  return database.href;
}

/** Opens a pool as the service does, ended when the test ends. */
export function openDatabase(
  t: Test,
  url: string,
  options: Partial<Omit<DatabaseOptions, 'url'>> = {},
): Database {
  const db = connect({
    url,
    // Sixty concurrent requests run without a queue, which would reject some of them on a slow machine.
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
