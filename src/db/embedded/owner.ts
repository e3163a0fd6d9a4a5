import { rmSync } from 'node:fs';
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { EmbeddedPostgresError } from './error.js';
import { startTime } from './process.js';

/** The number of a process is used again some day; together with its start time it is not. */
const Owner = Type.Object({ pid: Type.Integer(), started: Type.String() });

/**
 * Makes this process the owner of the folder, unless a living one is.
 *
 * @returns gives the folder up
 * @throws `EmbeddedPostgresError` when another process owns it, or this one already does
 */
export async function claim(directory: string): Promise<() => void> {
  const file = join(directory, 'owner.json');
  const own = `${file}.${process.pid}`;
  const owner = { pid: process.pid, started: await startTime(process.pid) };
  await rm(own, { force: true });
  await writeFile(own, JSON.stringify(owner), { flag: 'wx' });
  try {
    while (!(await linked(own, file))) await removeIfDead(directory, file);
  } finally {
    await rm(own, { force: true });
  }
  let held = true;
  return () => {
    // A second call must not take it from the next owner.
    if (held) rmSync(file, { force: true });
    held = false;
  };
}

/** A link appears at once with its whole content, and only one process can make it. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function removeIfDead(directory: string, file: string): Promise<void> {
  const text = await readFile(file, 'utf8').catch(() => '');
  await throwIfAlive(directory, text);
  // Others may be about to do the same: only one of them gets to move it, and looks at what it got.
  const dead = `${file}.${process.pid}.dead`;
  await rename(file, dead).catch(() => undefined);
  const moved = await readFile(dead, 'utf8').catch(() => text);
  if (moved !== text) await linked(dead, file);
  await rm(dead, { force: true });
}

async function throwIfAlive(directory: string, text: string): Promise<void> {
  const owner = parse(text);
  if (owner && owner.started !== '' && (await startTime(owner.pid)) === owner.started) {
    throw new EmbeddedPostgresError(
      `The embedded PostgreSQL in "${directory}" is already in use by the process ${owner.pid}. Stop that one first, or set DATABASE_URL to use another PostgreSQL.`,
    );
  }
}

function parse(text: string) {
  try {
    return Value.Parse(Owner, JSON.parse(text));
  } catch {
    return null;
  }
}
