import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { portOf } from './issuer.js';

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
  const pooler = spawn('pgbouncer', ['-q', ...user, file], { stdio: 'inherit' });
  await once(pooler, 'spawn');
  while (!(await listens(Number(url.port)))) {
    if (pooler.exitCode !== null) throw new Error('PgBouncer has not started');
    await setTimeout(50);
  }
  return {
    url: url.href,
    stop: async () => {
      pooler.kill('SIGTERM');
      if (pooler.exitCode === null) await once(pooler, 'exit');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const port = portOf(server.address());
  server.close();
  return port;
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
