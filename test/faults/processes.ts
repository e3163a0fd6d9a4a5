import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** @returns the processes of a PostgreSQL server, the first of which starts and ends the others */
export async function processesOf({ directory }: { directory: string }): Promise<number[]> {
  const file = await readFile(join(directory, 'data', 'postmaster.pid'), 'utf8');
  const postmaster = Number(file.split('\n')[0]);
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(postmaster)]).toString();
  // Zero would signal every process of this group.
  return [postmaster, ...children.split('\n').map(Number)].filter((pid) => pid > 0);
}

/** Kills a server with -9, as when its machine fails. */
export async function killServer(server: { directory: string }): Promise<void> {
  for (const pid of await processesOf(server)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // The process ended after the postmaster.
    }
  }
}
