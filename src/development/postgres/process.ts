import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';

/** The system user that a program runs as; null for the one that runs this process. */
export type Account = { readonly name: string; readonly uid: number; readonly gid: number } | null;

const POLL_MS = 10;

/**
 * The options to start every program of PostgreSQL. Any user may enter the working directory. The service's
 * environment is not passed on, because it contains secrets. `LC_ALL` makes messages English, because they are
 * parsed; `TZ` saves initdb the search for the system's time zone.
 */
export function spawnOptions(account: Account) {
  const { PATH } = process.env;
  return {
    cwd: '/',
    env: { PATH, LC_ALL: 'C', TZ: 'UTC' },
    ...(account && { uid: account.uid, gid: account.gid }),
  };
}

/**
 * Runs a program to its end.
 *
 * @returns its standard output
 * @throws when it cannot be started or fails; the message contains its standard error
 */
export async function run(account: Account, file: string, args: string[]): Promise<string> {
  const running = promisify(execFile)(file, args, spawnOptions(account));
  // The program must not wait for input.
  running.child.stdin?.end();
  return (await running).stdout.trim();
}

/** @returns the program and arguments of a process, or '' when there is none or it is a zombie */
export async function commandLine(pid: number): Promise<string> {
  if (process.platform !== 'linux') return ps(pid, 'command=');
  const text = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return text.replaceAll('\0', ' ');
}

/** @returns the start time of a process in the format of the system, or '' when there is none */
export async function startTime(pid: number): Promise<string> {
  if (process.platform !== 'linux') return ps(pid, 'lstart=');
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // The fields after the name, which may contain any character: the first is the state, the 20th the start
  // time.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' ? '' : (fields[19] ?? '');
}

/** Not used on Linux, because slim images have no `ps`. */
function ps(pid: number, column: string): Promise<string> {
  return run(null, 'ps', ['-o', column, '-p', String(pid)]).catch(() => '');
}

/**
 * Polls a condition.
 *
 * @returns whether it became true within the timeout
 */
export async function within(
  milliseconds: number,
  condition: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const deadline = performance.now() + milliseconds;
  while (!(await condition())) {
    if (performance.now() > deadline) return false;
    await setTimeout(POLL_MS);
  }
  return true;
}
