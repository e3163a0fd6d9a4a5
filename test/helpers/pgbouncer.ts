import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { planning } from '../../src/db/settings.js';
import { freePort } from '../../src/development/postgres/server.js';
import { beforeDeadline } from './wait.js';

/** The name or the path of the program. */
const program = process.env['PGBOUNCER'] ?? 'pgbouncer';

/** @returns whether it can keep prepared statements (1.21 or later); null where none is installed */
export async function keepsPreparedStatements(): Promise<boolean | null> {
  const result = await promisify(execFile)(program, ['--version']).catch(() => null);
  const [, major, minor] = /^PgBouncer (\d+)\.(\d+)/.exec(result?.stdout ?? '') ?? [];
  return result && (Number(major) > 1 || Number(minor) >= 21);
}

/**
 * Starts PgBouncer, which has to be installed, in transaction mode in front of a server.
 *
 * @param serverUrl the server, whose user all clients get, and whose databases are all available
 * @param options `prepared`: whether it keeps prepared statements, which needs version 1.21; `planned`: whether its
 *   sessions have the planner settings of the service
 */
export async function startPgBouncer(
  serverUrl: string,
  { prepared = false, planned = true }: { prepared?: boolean; planned?: boolean } = {},
): Promise<{ url: string; stop: () => Promise<void> }> {
  const { hostname, port, username, password } = new URL(serverUrl);
  const url = new URL(serverUrl);
  url.port = String(await freePort());
  const directory = await mkdtemp(join(tmpdir(), 'spaces-pgbouncer-'));
  const file = join(directory, 'pgbouncer.ini');
  const server = `host=${hostname} port=${port} user=${username} password=${decodeURIComponent(password)}`;
  const canPrepare = await keepsPreparedStatements();
  if (prepared && !canPrepare) throw new Error('Prepared statements need PgBouncer 1.21 or later');
  const query = Object.entries(planning)
    .map(([name, value]) => `set ${name} = ${value}`)
    .join('; ');
  const lines = [
    '[databases]',
    `* = ${server}${planned ? ` connect_query='${query}'` : ''}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${url.port}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
    'default_pool_size = 20',
    'max_client_conn = 1000',
    'server_idle_timeout = 5',
    ...(canPrepare ? [`max_prepared_statements = ${prepared ? 200 : 0}`] : []),
  ];
  await writeFile(file, lines.join('\n'));
  // PgBouncer does not run as root.
  await chmod(directory, 0o755);
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const pooler = spawn(program, [...user, file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ready = new Promise<void>((resolve, reject) => {
    let log = '';
    pooler.once('error', reject);
    pooler.once('exit', () => {
      reject(new Error(`PgBouncer has not started: ${log}`));
    });
    // The log is read to the end, because a full pipe would block PgBouncer.
    pooler.stderr.on('data', (bytes: Buffer) => {
      log += bytes.toString();
      if (log.includes('process up')) resolve();
    });
  });
  await beforeDeadline('the start of PgBouncer', ready);
  return {
    url: url.href,
    stop: async () => {
      pooler.kill('SIGTERM');
      if (pooler.exitCode === null) {
        await beforeDeadline('the end of PgBouncer', once(pooler, 'exit'));
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
}
