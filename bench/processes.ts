import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { freePort } from '../src/development/postgres/server.js';

/** Clock ticks a second in /proc, the same on every Linux that Node runs on. */
const TICKS = 100;

export interface Candidate {
  name: string;
  pid: number;
  origin: string;
  /** from the start of the process to its first answer, in milliseconds */
  startMs: number;
  stop(): Promise<void>;
}

/**
 * Starts a server as a process of its own, its log going nowhere, and waits until it answers.
 *
 * @param args of the program
 * @param env beside PORT, which is chosen here
 * @param program Node by default
 */
export async function startCandidate(
  name: string,
  args: string[],
  env: Record<string, string>,
  program = process.execPath,
): Promise<Candidate> {
  const port = await freePort();
  const nowhere = openSync('/dev/null', 'w');
  const started = performance.now();
  const child = spawn(program, args, {
    env: { ...process.env, ...env, PORT: String(port) },
    stdio: ['ignore', nowhere, 'inherit'],
  });
  const origin = `http://127.0.0.1:${port}`;
  while (!(await answers(origin))) {
    if (child.exitCode !== null) throw new Error(`${name} ended with ${child.exitCode}`);
  }
  const startMs = performance.now() - started;
  return { name, pid: child.pid ?? 0, origin, startMs, stop: () => stop(child) };
}

/** @returns how long Node takes to run nothing, in milliseconds */
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

/** @returns the memory that a process holds, in MiB */
export function residentMiB(pid: number): number {
  const [, kib] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kib ?? 0) / 1024;
}
