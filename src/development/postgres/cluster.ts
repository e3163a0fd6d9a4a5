import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { clusterIn, type DataDirectory, exists } from './data-directory.js';
import { EmbeddedPostgresError } from './error.js';
import { run } from './process.js';

/** The superuser that initdb creates; the service connects as it. */
export const SUPERUSER = 'postgres';

const UNFINISHED = 'initdb-';

/**
 * Creates the cluster unless it exists.
 *
 * @param version the version of PostgreSQL's programs
 * @returns the superuser's password
 * @throws `EmbeddedPostgresError` when the cluster is of another major version or is incomplete, or with the
 *   output of initdb
 */
export async function ensureCluster(
  { directory, account }: DataDirectory,
  initdb: string,
  version: string,
): Promise<string> {
  const cluster = clusterIn(directory);
  const passwordFile = join(directory, 'password');
  if (!(await exists(cluster))) {
    await initialise({ directory, account, notice: null }, initdb, passwordFile);
  } else if (account && (await stat(cluster)).uid === 0) {
    // Root has copied the cluster here.
    await run(null, 'chown', ['-R', `${account.uid}:${account.gid}`, cluster]);
  }
  await checkVersion(cluster, version);
  try {
    return await readFile(passwordFile, 'utf8');
  } catch (error) {
    throw new EmbeddedPostgresError(
      `The password of the embedded PostgreSQL cannot be read (${String(error)}). Restore that file, or remove "${directory}" to start with an empty database.`,
      { cause: error },
    );
  }
}

/** Renames the cluster to its final name after initdb, so that an interrupted initdb leaves no cluster. */
async function initialise(
  { directory, account }: DataDirectory,
  initdb: string,
  passwordFile: string,
): Promise<void> {
  for (const name of await readdir(directory)) {
    if (!name.startsWith(UNFINISHED)) continue;
    // An interrupted initdb may still be writing.
    await rm(join(directory, name), { recursive: true, maxRetries: 10, retryDelay: 20 });
  }
  const unfinished = await mkdtemp(join(directory, UNFINISHED));
  await rm(passwordFile, { force: true });
  // Other users of this machine can reach the port, so they must not know the password.
  await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
  if (account) {
    for (const path of [unfinished, passwordFile]) await chown(path, account.uid, account.gid);
  }
  try {
    await run(account, initdb, [
      `--pgdata=${unfinished}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      // The same locale on every system.
      '--locale=C',
      '--locale-provider=builtin',
      '--builtin-locale=C.UTF-8',
      '--no-instructions',
    ]);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    throw new EmbeddedPostgresError(
      `The embedded PostgreSQL could not create its files in "${directory}". ${String(error)}`,
      { cause: error },
    );
  }
  await rename(unfinished, clusterIn(directory));
}

async function checkVersion(cluster: string, version: string): Promise<void> {
  const text = await readFile(join(cluster, 'PG_VERSION'), 'utf8').catch(() => null);
  if (text === null) {
    throw new EmbeddedPostgresError(
      `The directory "${cluster}" contains no PostgreSQL cluster. Move it away to start with an empty database.`,
    );
  }
  const [found, expected] = [text, version].map((one) => Number.parseInt(one));
  if (found !== expected) {
    throw new EmbeddedPostgresError(
      `The files in "${cluster}" are of PostgreSQL ${found}, and the embedded one is ${expected}. Move them away to start with an empty database, or set DATABASE_URL to use a PostgreSQL ${found} with them.`,
    );
  }
}
