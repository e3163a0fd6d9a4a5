import { createHash } from 'node:crypto';
import { access, chmod, constants, mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { EmbeddedPostgresError } from './error.js';
import { type Account, run } from './process.js';

/** The user that runs PostgreSQL, and the folder of its files. */
export interface Home {
  /** without symbolic links, so that one folder has one name */
  readonly directory: string;
  readonly account: Account;
  /** a sentence when the folder is not the one that was asked for */
  readonly notice: string | null;
}

/** Where root's clusters go when PostgreSQL's user cannot reach the folder that was asked for. */
const SPARE_HOMES = '/var/lib/spaces-embedded';

/**
 * Makes the folder when it is missing. An ordinary user runs PostgreSQL in it as themselves. PostgreSQL
 * rejects root: then the cluster's owner or a system user runs it, and elsewhere when that user cannot reach
 * the folder.
 *
 * @param asked the wanted folder
 * @throws `EmbeddedPostgresError` when that is impossible
 */
export async function findHome(asked: string): Promise<Home> {
  await makeWritable(resolve(asked));
  const directory = await realpath(asked);
  if (process.getuid?.() !== 0) return { directory, account: null, notice: null };

  const digest = createHash('sha256').update(directory).digest('hex');
  const spare = join(SPARE_HOMES, digest.slice(0, 12));
  const hasCluster = await exists(clusterIn(directory));
  // A cluster stays where it was made, even when the wanted folder has become reachable since.
  const hasSpareCluster = !hasCluster && (await exists(clusterIn(spare)));
  const account = await accountFor(clusterIn(hasSpareCluster ? spare : directory));
  if (!hasSpareCluster && (await canEnter(account, directory))) {
    return { directory, account, notice: null };
  }
  if (hasCluster) {
    throw new EmbeddedPostgresError(
      `The user "${account.name}", as whom PostgreSQL runs because it refuses root, cannot reach its files in "${directory}". Move that folder to "${spare}", or remove it to start anew.`,
    );
  }
  await makeWritable(spare);
  // Independent of the umask: PostgreSQL's user passes through, and only root writes.
  for (const folder of [dirname(spare), spare]) await chmod(folder, 0o755);
  return {
    directory: spare,
    account,
    notice: `The files of the embedded PostgreSQL are in "${spare}", because it refuses to run as root and the user "${account.name}", as whom it runs, cannot reach "${directory}".`,
  };
}

/** @returns where the cluster is in a home */
export function clusterIn(directory: string): string {
  return join(directory, 'data');
}

/** @returns whether there is such a file */
export function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function makeWritable(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true });
    await access(directory, constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new EmbeddedPostgresError(
      `The embedded PostgreSQL cannot keep its files in "${directory}" (${String(error)}). Make that folder writable, or set DATABASE_URL to use another PostgreSQL.`,
      { cause: error },
    );
  }
}

/** The cluster's owner comes first, so that `sudo` does not take it from an ordinary user. */
async function accountFor(cluster: string): Promise<NonNullable<Account>> {
  const owner = await stat(cluster).catch(() => null);
  if (owner && owner.uid !== 0) {
    const uid = String(owner.uid);
    const name = await run(null, 'id', ['-un', uid]).catch(() => uid);
    return { name, uid: owner.uid, gid: owner.gid };
  }
  for (const name of ['postgres', 'nobody']) {
    try {
      const uid = Number(await run(null, 'id', ['-u', name]));
      const gid = Number(await run(null, 'id', ['-g', name]));
      return { name, uid, gid };
    } catch {
      // There is no such user; the next one may do.
    }
  }
  throw new EmbeddedPostgresError(
    'PostgreSQL refuses to run as root, and there is no user "postgres" or "nobody" to run it as. Start as an ordinary user, or set DATABASE_URL to use another PostgreSQL.',
  );
}

function canEnter(account: Account, directory: string): Promise<boolean> {
  return run(account, 'test', ['-x', directory]).then(
    () => true,
    () => false,
  );
}
