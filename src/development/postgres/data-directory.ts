import { createHash } from 'node:crypto';
import { access, chmod, constants, mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { EmbeddedPostgresError } from './error.js';
import { type Account, run } from './process.js';

/** The directory of PostgreSQL's files, and the user that runs it. */
export interface DataDirectory {
  /** without symbolic links, so that one directory has one name */
  readonly directory: string;
  readonly account: Account;
  /** a message for the user when it is not the requested directory */
  readonly notice: string | null;
}

/** The parent directory of root's clusters when PostgreSQL's user cannot access the requested directory. */
const FALLBACK_DIRECTORIES = '/var/lib/spaces-embedded';

/**
 * Chooses the directory and the user of the cluster, and creates the directory when it is missing. PostgreSQL
 * runs as the current user. It does not run as root: then the cluster's owner or a system user runs it, in
 * another directory when that user cannot access the requested one.
 *
 * @param asked the requested directory
 * @throws `EmbeddedPostgresError` when there is no such directory or user
 */
export async function findDataDirectory(asked: string): Promise<DataDirectory> {
  await makeWritable(resolve(asked));
  const directory = await realpath(asked);
  if (process.getuid?.() !== 0) return { directory, account: null, notice: null };

  const digest = createHash('sha256').update(directory).digest('hex');
  const spare = join(FALLBACK_DIRECTORIES, digest.slice(0, 12));
  const hasCluster = await exists(clusterIn(directory));
  // A cluster stays where it was created, even when the requested directory has become accessible since.
  const hasSpareCluster = !hasCluster && (await exists(clusterIn(spare)));
  const account = await accountFor(clusterIn(hasSpareCluster ? spare : directory));
  if (!hasSpareCluster && (await canEnter(account, directory))) {
    return { directory, account, notice: null };
  }
  if (hasCluster) {
    throw new EmbeddedPostgresError(
      `PostgreSQL does not run as root but as the user "${account.name}", which cannot access its files in "${directory}". Move that directory to "${spare}", or remove it to start with an empty database.`,
    );
  }
  await makeWritable(spare);
  // Independent of the umask: PostgreSQL's user may enter, only root may write.
  for (const folder of [dirname(spare), spare]) await chmod(folder, 0o755);
  return {
    directory: spare,
    account,
    notice: `The files of the embedded PostgreSQL are in "${spare}": it does not run as root but as the user "${account.name}", which cannot access "${directory}".`,
  };
}

/** @returns the path of the cluster in a data directory */
export function clusterIn(directory: string): string {
  return join(directory, 'data');
}

/** @returns whether the file exists */
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
      `The embedded PostgreSQL cannot store its files in "${directory}" (${String(error)}). Make that directory writable, or set DATABASE_URL to use another PostgreSQL.`,
      { cause: error },
    );
  }
}

/**
 * @returns the owner of the cluster, so that a start with `sudo` does not change it; otherwise a system user
 */
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
      // There is no such user: try the next one.
    }
  }
  throw new EmbeddedPostgresError(
    'PostgreSQL does not run as root, and there is no user "postgres" or "nobody" to run it as. Start as a non-root user, or set DATABASE_URL to use another PostgreSQL.',
  );
}

function canEnter(account: Account, directory: string): Promise<boolean> {
  return run(account, 'test', ['-x', directory]).then(
    () => true,
    () => false,
  );
}
