import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { EmbeddedPostgresError } from './error.js';
import { startTime } from './process.js';

/** A process id can be reused; together with the start time it is unique. */
const Owner = Type.Object({ pid: Type.Integer(), started: Type.String({ minLength: 1 }) });

/**
 * Makes this process the owner of the directory, unless another running process is.
 *
 * @returns a function that releases the lock
 * @throws `EmbeddedPostgresError` when another process owns it, or this one already does
 */
export async function acquireLock(directory: string): Promise<() => void> {
  const file = join(directory, 'owner.json');
  const own = `${file}.${randomUUID()}`;
  const owner = { pid: process.pid, started: await startTime(process.pid) };
  await writeFile(own, JSON.stringify(owner), { flag: 'wx' });
  try {
    while (!(await linked(own, file))) {
      const pid = await livingOwner(await read(file));
      if (pid !== null) {
        throw new EmbeddedPostgresError(
          `The embedded PostgreSQL in "${directory}" is already in use by the process ${pid}. Stop that process first, or set DATABASE_URL to use another PostgreSQL.`,
        );
      }
      await removeDead(own, file);
    }
  } finally {
    await rm(own, { force: true });
  }
  let held = true;
  return () => {
    // A second call must not release the lock of the next owner.
    if (held) rmSync(file, { force: true });
    held = false;
  };
}

/**
 * Removes the file of a dead owner: one process at a time, after a second check, because another owner may have
 * replaced it.
 */
async function removeDead(own: string, file: string): Promise<void> {
  const guard = `${file}.guard`;
  if (await linked(own, guard)) {
    await removeUnlessLiving(file);
    await rm(guard, { force: true });
  } else {
    // The process that created the guard may have been killed.
    await removeUnlessLiving(guard);
  }
}

async function removeUnlessLiving(file: string): Promise<void> {
  const text = await read(file);
  // A missing file may be created by another process at any time, so only an existing one is removed.
  if (text !== null && (await livingOwner(text)) === null) await rm(file, { force: true });
}

/** Links a file: the link appears atomically with its whole content, and only one process can create it. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function read(file: string): Promise<string | null> {
  return readFile(file, 'utf8').catch(() => null);
}

async function livingOwner(text: string | null): Promise<number | null> {
  if (text === null) return null;
  try {
    const { pid, started } = Value.Parse(Owner, JSON.parse(text));
    return (await startTime(pid)) === started ? pid : null;
  } catch {
    return null;
  }
}
