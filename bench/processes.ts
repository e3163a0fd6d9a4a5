import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { freePort } from '../src/development/postgres/server.js';

/** Clock ticks per second in /proc, the same on every Linux that Node supports. */
const TICKS = 100;

/** The longest time from the start of a server to its first response. */
const START_TIMEOUT_MS = 60_000;

export interface Candidate {
  name: string;
  pid: number;
  origin: string;
  /** from the start of the process to its first response, in milliseconds */
  startMs: number;
  stop(): Promise<void>;
}

/**
 * Starts a server as a process without a log, and waits until it answers.
 *
 * @param args the arguments of the program
 * @param env the environment without PORT, which is chosen here
 * @param program Node by default
 * @throws when the server ends, or does not answer in time
 */
export async function startCandidate(
  name: string,
  args: string[],
  env: Record<string, string>,
  program = process.execPath,
): Promise<Candidate> {
  const port = await freePort();
  const devNull = openSync('/dev/null', 'w');
  const started = performance.now();
  const child = spawn(program, args, {
    env: { ...process.env, ...env, PORT: String(port) },
    stdio: ['ignore', devNull, 'inherit'],
  });
  const origin = `http://127.0.0.1:${port}`;
  while (!(await answers(origin))) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
    if (performance.now() - started > START_TIMEOUT_MS) {
      child.kill('SIGKILL');
      throw new Error(`${name} has not answered for ${START_TIMEOUT_MS} ms`);
    }
  }
  const startMs = performance.now() - started;
  return { name, pid: child.pid ?? 0, origin, startMs, stop: () => stop(child) };
}

/** @returns the time that Node takes to run an empty program, in milliseconds */
export function emptyStartMs(): number {
  const started = performance.now();
  spawnSync(process.execPath, ['--eval', '0']);
  return performance.now() - started;
}

async function answers(origin: string): Promise<boolean> {
  try {
    await fetch(`${origin}/readyz`);
    return true;
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 10));
    return false;
  }
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => {
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/** @returns the processor time that a process and its children have used, in seconds */
export function cpuSeconds(pid: number): number {
  const children = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  return [String(pid), ...children.stdout.split('\n')]
    .filter((line) => line.trim() !== '')
    .map((line) => cpuSecondsIfAlive(Number(line)))
    .reduce((sum, seconds) => sum + seconds, 0);
}

function cpuSecondsIfAlive(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS;
  } catch {
    return 0;
  }
}

/** @returns the resident memory of a process, in MiB */
export function residentMiB(pid: number): number {
  const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib ?? 0) / 1024;
}
