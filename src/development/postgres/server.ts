import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type FileHandle, open, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { clusterIn, type DataDirectory } from './data-directory.js';
import { EmbeddedPostgresError } from './error.js';
import { commandLine, spawnOptions, within } from './process.js';

export interface Server {
  readonly port: number;
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly home: DataDirectory;
  readonly postgres: string;
  /** passed as `-c name=value` */
  readonly settings: Record<string, string>;
  readonly choosePort?: () => Promise<number>;
  /** time for a fast shutdown before an immediate one, in milliseconds */
  readonly shutdownTimeoutMs?: number;
}

const LOG_LIMIT_BYTES = 10_000_000;
const LOG_LINES_IN_MESSAGE = 6;
/** Includes the recovery after a crash. */
const START_TIMEOUT_MS = 120_000;
/** Time for the sessions of a killed server to end. */
const LEFTOVERS_TIMEOUT_MS = 15_000;
const PORT_ATTEMPTS = 10;
const SHUTDOWN_TIMEOUT_MS = 10_000;
const ORPHAN_SHUTDOWN_TIMEOUT_MS = 5000;
/** PostgreSQL kills its remaining processes 5 seconds after SIGQUIT. */
const QUIT_TIMEOUT_MS = 15_000;

/**
 * Stops the server that a killed process has left running. Only the owner of the directory may call it.
 *
 * @throws `EmbeddedPostgresError` when it does not stop
 */
export async function endOrphan(
  directory: string,
  shutdownTimeoutMs = ORPHAN_SHUTDOWN_TIMEOUT_MS,
): Promise<void> {
  const cluster = clusterIn(directory);
  const file = postmasterFile(cluster);
  const pid = Number.parseInt(await readFile(file, 'utf8').catch(() => ''));
  const hasEnded = async () => !isPostmaster(await commandLine(pid), cluster);
  if (await hasEnded()) {
    // Another process may have the process id by now, and PostgreSQL would take it for a running server. It
    // still detects remaining processes of the old one by their shared memory.
    await rm(file, { force: true });
    return;
  }
  const send = (signal: NodeJS.Signals) => {
    try {
      process.kill(pid, signal);
    } catch {
      // The process has just ended, or belongs to another user; `shutDown` notices either.
    }
  };
  await shutDown(send, hasEnded, shutdownTimeoutMs);
}

/**
 * Starts PostgreSQL on a free port of 127.0.0.1 and waits until it accepts connections. PostgreSQL also shuts
 * down when this process exits without stopping it.
 *
 * @throws `EmbeddedPostgresError` with the last lines of the server's log when it does not start
 */
export async function startServer(options: ServerOptions): Promise<Server> {
  const log = join(options.home.directory, 'postgres.log');
  const deadline = performance.now() + LEFTOVERS_TIMEOUT_MS;
  for (let attempt = 1; ; attempt += 1) {
    const port = await (options.choosePort ?? freePort)();
    const { server, output } = await launch(options, port, log);
    if (server) return server;
    const portTaken = output.includes('Address already in use') && attempt < PORT_ATTEMPTS;
    const leftovers =
      output.includes('pre-existing shared memory block') && performance.now() < deadline;
    if (leftovers) await setTimeout(50);
    else if (!portTaken) {
      const end = output.trim().split('\n').slice(-LOG_LINES_IN_MESSAGE).join('\n  ');
      throw new EmbeddedPostgresError(
        `The embedded PostgreSQL did not start. The end of its log, "${log}":\n  ${end}`,
      );
    }
  }
}

/** @returns the server, or its log output when it ended before it was ready */
async function launch(
  { home, postgres, settings, shutdownTimeoutMs = SHUTDOWN_TIMEOUT_MS }: ServerOptions,
  port: number,
  log: string,
): Promise<{ server: Server | null; output: string }> {
  const cluster = clusterIn(home.directory);
  const logFile = await openLog(log);
  const { size } = await logFile.stat();
  const values = { listen_addresses: '127.0.0.1', unix_socket_directories: '', ...settings };
  const child = spawn(
    postgres,
    [
      ...['-D', cluster, '-p', String(port)],
      ...Object.entries(values).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    {
      ...spawnOptions(home.account),
      // In a separate process group: Ctrl-C must not reach PostgreSQL, which the service needs while it shuts
      // down.
      detached: true,
      stdio: ['ignore', logFile.fd, logFile.fd],
    },
  );
  const endWithUs = () => child.kill('SIGINT');
  process.once('exit', endWithUs);
  child.once('exit', () => process.off('exit', endWithUs));
  const end = () => {
    child.ref();
    return shutDown(
      (signal) => child.kill(signal),
      () => hasExited(child),
      shutdownTimeoutMs,
    );
  };
  try {
    await once(child, 'spawn');
    const decided = async () => hasExited(child) || (await isReady(child, cluster));
    const inTime = await within(START_TIMEOUT_MS, decided);
    if (inTime && !hasExited(child)) {
      child.unref();
      let ending: Promise<void> | undefined;
      return { server: { port, stop: () => (ending ??= end()) }, output: '' };
    }
    await end();
    return { server: null, output: (await readFile(log)).subarray(size).toString() };
  } finally {
    await logFile.close();
  }
}

async function openLog(log: string): Promise<FileHandle> {
  const file = await open(log, 'a', 0o600);
  if ((await file.stat()).size > LOG_LIMIT_BYTES) await file.truncate();
  return file;
}

/** @returns a free port; another process may take it before it is used */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  assert(typeof address === 'object' && address !== null);
  await once(probe.close(), 'close');
  return address.port;
}

/** The states in line 8 of `postmaster.pid` of a server that accepts connections; line 1 is its process id. */
const READY = ['ready', 'standby'];

function postmasterFile(cluster: string): string {
  return join(cluster, 'postmaster.pid');
}

async function isReady(child: ChildProcess, cluster: string): Promise<boolean> {
  const text = await readFile(postmasterFile(cluster), 'utf8').catch(() => '');
  const lines = text.split('\n');
  return Number(lines[0]) === child.pid && READY.includes(lines[7]?.trim() ?? '');
}

/**
 * The server's child processes have no arguments. Another argument follows the directory, so that no longer
 * path matches.
 */
function isPostmaster(command: string, cluster: string): boolean {
  return command.includes(`postgres -D ${cluster} -p `);
}

function hasExited({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/**
 * Tries a fast shutdown (SIGINT), which needs no recovery at the next start, then an immediate one (SIGQUIT),
 * which sessions cannot delay.
 */
async function shutDown(
  send: (signal: 'SIGINT' | 'SIGQUIT') => void,
  hasEnded: () => boolean | Promise<boolean>,
  shutdownTimeoutMs: number,
): Promise<void> {
  send('SIGINT');
  if (await within(shutdownTimeoutMs, hasEnded)) return;
  send('SIGQUIT');
  if (await within(QUIT_TIMEOUT_MS, hasEnded)) return;
  throw new EmbeddedPostgresError('The embedded PostgreSQL does not shut down.');
}
