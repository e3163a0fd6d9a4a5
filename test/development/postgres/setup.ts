import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, readFile, realpath, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import postgres from 'postgres';
import type { Test } from 'tap';
import { clusterIn } from '../../../src/development/postgres/data-directory.js';
import {
  type EmbeddedPostgres,
  EmbeddedPostgresError,
  startEmbeddedPostgres,
} from '../../../src/development/postgres/index.js';
import { commandLine, run } from '../../../src/development/postgres/process.js';
import { endOrphan } from '../../../src/development/postgres/server.js';
import { beforeDeadline } from '../../helpers/wait.js';

export const isRoot = process.getuid?.() === 0;
export const settings = { fsync: 'off' };
export const database = 'spaces';

/** Makes a folder that PostgreSQL's user can enter, other than root's temporary folders. */
export async function makeFolder(t: Test, name = 'embedded'): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), `${name}-`)));
  await chmod(folder, 0o755);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/**
 * Makes a cluster and stops its server: initdb takes longer than every test.
 *
 * @returns makes a copy of it in a folder of its own
 */
export async function makeTemplate(t: Test): Promise<(t: Test) => Promise<string>> {
  const template = await makeFolder(t, 'template');
  await (await startEmbeddedPostgres({ directory: template, database, settings })).stop();
  return async (t) => {
    const folder = await makeFolder(t);
    for (const name of await readdir(template)) {
      const [from, to] = [join(template, name), join(folder, name)];
      // Programs are there where the installed ones cannot be run, as when this project lies below /root.
      if (name.startsWith('programs-')) await symlink(from, to);
      else await run(null, 'cp', ['-pR', from, to]);
    }
    return folder;
  };
}

export async function start(t: Test, directory: string): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ directory, database, settings });
  t.teardown(() => server.stop());
  return server;
}

export async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const sql = postgres(url, { max: 1, fetch_types: false, connect_timeout: 5 });
  try {
    return [...(await sql.unsafe<Record<string, unknown>[]>(statement))];
  } finally {
    await sql.end();
  }
}

export const makeData = "create table kept (value text); insert into kept values ('here')";
export const readData = 'select value from kept';

export async function readPostmaster(directory: string): Promise<number> {
  return Number.parseInt(await readFile(join(clusterIn(directory), 'postmaster.pid'), 'utf8'));
}

export async function hasEnded(pid: number): Promise<boolean> {
  return (await commandLine(pid)) === '';
}

export async function logHas(directory: string, text: string): Promise<boolean> {
  return (await readFile(join(directory, 'postgres.log'), 'utf8')).includes(text);
}

/** Starts the embedded PostgreSQL in another process. */
export async function startElsewhere(
  t: Test,
  directory: string,
  afterwards = 'setInterval(() => undefined, 1000)',
): Promise<{ child: ChildProcess; node: number; url: string; postmaster: number }> {
  const embedded = new URL('../../../src/development/postgres/index.ts', import.meta.url).href;
  const code = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(embedded)});
    const server = await startEmbeddedPostgres(${JSON.stringify({ directory, database, settings })});
    const { readFileSync } = await import('node:fs');
    console.log(server.url, parseInt(readFileSync(server.directory + '/data/postmaster.pid')));
    ${afterwards};`;
  const args = ['--import=tsx', '--input-type=module', '--eval', code];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const written = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    // Not `exit`, which may come before the line has been read.
    child.once('close', () => {
      reject(new Error('The other process ended too early'));
    });
  });
  const line = await beforeDeadline('the start in another process', written);
  const [url = '', postmaster] = line.split(' ');
  t.teardown(() => endOrphan(directory));
  return { child, node: child.pid ?? 0, url, postmaster: Number(postmaster) };
}

export async function kill(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await beforeDeadline('the end of a killed process', exited);
}

/** @returns the message for the user */
export async function rejection(t: Test, promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof EmbeddedPostgresError)) {
    t.fail('It should be rejected with an EmbeddedPostgresError', { error });
    return '';
  }
  return error.message;
}
