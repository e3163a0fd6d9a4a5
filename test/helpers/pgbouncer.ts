import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/development/postgres/server.js';
import { beforeDeadline } from './wait.js';

/**
 * Starts PgBouncer, which has to be installed, in transaction mode in front of a server.
 *
 * @param serverUrl whose user it is for all its clients, and whose databases it has all of
 */
export async function startPgBouncer(
  serverUrl: string,
): Promise<{ url: string; stop: () => Promise<void> }> {
  const { hostname, port, username, password } = new URL(serverUrl);
  const url = new URL(serverUrl);
  url.port = String(await freePort());
  const directory = await mkdtemp(join(tmpdir(), 'spaces-pgbouncer-'));
  const file = join(directory, 'pgbouncer.ini');
  const lines = [
    '[databases]',
    `* = host=${hostname} port=${port} user=${username} password=${decodeURIComponent(password)}`,
    '[pgbouncer]',
    'listen_addr = 127.0.0.1',
    `listen_port = ${url.port}`,
    'unix_socket_dir =',
    'auth_type = any',
    'pool_mode = transaction',
    'default_pool_size = 20',
    'max_client_conn = 1000',
    'server_idle_timeout = 5',
  ];
  await writeFile(file, lines.join('\n'));
  // It refuses to run as root.
  await chmod(directory, 0o755);
  const user = process.getuid?.() === 0 ? ['-u', 'nobody'] : [];
  const pooler = spawn('pgbouncer', [...user, file], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ready = new Promise<void>((resolve, reject) => {
    let log = '';
    pooler.once('error', reject);
    pooler.once('exit', () => {
      reject(new Error(`PgBouncer has not started: ${log}`));
    });
    // Its log is read to the end, because a full pipe would block it.
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
