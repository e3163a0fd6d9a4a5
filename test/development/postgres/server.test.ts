/** The server starts, stops and reports its failures. */
import { once } from 'node:events';
import { access, appendFile, readdir, readFile, stat, truncate } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import postgres from 'postgres';
import t, { type Test } from 'tap';
import { ensureCluster } from '../../../src/development/postgres/cluster.js';
import { clusterIn, findDataDirectory } from '../../../src/development/postgres/data-directory.js';
import { startEmbeddedPostgres } from '../../../src/development/postgres/index.js';
import { findPackage, findPrograms } from '../../../src/development/postgres/programs.js';
import { endOrphan, startServer } from '../../../src/development/postgres/server.js';
import { waitUntil } from '../../helpers/wait.js';
import {
  database,
  logHas,
  makeData,
  makeFolder,
  makeTemplate,
  query,
  readData,
  readPostmaster,
  rejection,
  settings,
  start,
} from './setup.js';

const makeCluster = await makeTemplate(t);

await t.test('the first start creates the database, and data survives a stop', async (t) => {
  const directory = join(await makeFolder(t), 'made', 'on demand');
  const first = await start(t, directory);
  t.match(first, { directory, notice: null });
  await query(first.url, makeData);
  await Promise.all([first.stop(), first.stop()]);
  await t.rejects(query(first.url, readData), { code: 'ECONNREFUSED' });
  t.notOk((await readdir(directory)).includes('owner.json'));

  const second = await start(t, directory);
  t.strictSame(await query(second.url, readData), [{ value: 'here' }]);
  await first.stop();
  t.ok(await readFile(join(directory, 'owner.json')), 'a late second stop does not give it up');
});

await t.test(
  'text is UTF-8, ordered by code point, with case mapping for every script',
  async (t) => {
    const { url } = await start(t, await makeCluster(t));
    const [row] = await query(
      url,
      `select current_setting('server_encoding') encoding, upper('é ж') upper, 'B' < 'a' ordered`,
    );
    t.match(row, { encoding: 'UTF8', upper: 'É Ж', ordered: true });
  },
);

await t.test('connections need the password and come from this machine only', async (t) => {
  const server = await start(t, await makeCluster(t));
  const url = new URL(server.url);
  t.equal(url.hostname, '127.0.0.1');
  const password = join(server.directory, 'password');
  t.equal((await stat(password)).mode & 0o777, 0o600);
  t.equal(await readFile(password, 'utf8'), url.password);
  url.password = 'guess';
  await t.rejects(query(url.href, 'select'), { code: '28P01' });
  t.strictSame(await query(server.url, 'show listen_addresses'), [
    { listen_addresses: '127.0.0.1' },
  ]);
  t.strictSame(await query(server.url, 'show unix_socket_directories'), [
    { unix_socket_directories: '' },
  ]);
});

await t.test('settings and the name of the database are applied', async (t) => {
  const directory = await makeCluster(t);
  const server = await startEmbeddedPostgres({
    directory,
    database: 'My-own.1',
    settings: { work_mem: '7MB' },
  });
  t.teardown(() => server.stop());
  t.strictSame(await query(server.url, 'select current_database() as name'), [
    { name: 'My-own.1' },
  ]);
  t.strictSame(await query(server.url, 'show work_mem'), [{ work_mem: '7MB' }]);
});

/** A cluster without the service around it, for what only PostgreSQL's own state can show. */
async function makeParts(t: Test) {
  const home = await findDataDirectory(await makeCluster(t));
  const found = await findPackage();
  const programs = await findPrograms(found, home.directory, home.account);
  const password = await ensureCluster(home, programs.initdb, found.version);
  const launch = async (more: Partial<Parameters<typeof startServer>[0]> = {}) => {
    const server = await startServer({ home, postgres: programs.postgres, settings, ...more });
    t.teardown(() => server.stop());
    return server;
  };
  const url = (port: number) => `postgres://postgres:${password}@127.0.0.1:${port}/postgres`;
  return { directory: home.directory, launch, url };
}

/** A session whose process stands still, so that it notices nothing. */
async function freezeSession(t: Test, url: string): Promise<number> {
  const sql = postgres(url, { max: 1, fetch_types: false, onclose: () => undefined });
  const [session] = await sql<{ pid: number }[]>`select pg_backend_pid() as pid`;
  const pid = session?.pid ?? 0;
  process.kill(pid, 'SIGSTOP');
  t.teardown(() => sql.end({ timeout: 0 }));
  return pid;
}

await t.test('a start waits for the sessions of a killed server to end', async (t) => {
  const { directory, launch, url } = await makeParts(t);
  const first = await launch();
  const session = await freezeSession(t, url(first.port));
  process.kill(await readPostmaster(directory), 'SIGKILL');
  await first.stop();

  await endOrphan(directory);
  const starting = launch();
  await t.resolves(
    waitUntil('the log of the server', () => logHas(directory, 'pre-existing shared memory block')),
  );
  process.kill(session, 'SIGCONT');
  const second = await starting;
  t.strictSame(await query(url(second.port), 'select 1 as one'), [{ one: 1 }]);
});

await t.test('a session that blocks the shutdown is terminated', async (t) => {
  const { directory, launch, url } = await makeParts(t);
  const server = await launch({ shutdownTimeoutMs: 50 });
  const session = await freezeSession(t, url(server.port));
  const stopping = server.stop();
  await t.resolves(
    waitUntil('the log of the server', () =>
      logHas(directory, 'received immediate shutdown request'),
    ),
  );
  process.kill(session, 'SIGCONT');
  await stopping;
});

await t.test('a port that is taken before the start is replaced by another', async (t) => {
  const { launch, url } = await makeParts(t);
  const taken = createServer().listen(0, '127.0.0.1');
  t.teardown(() => taken.close());
  await once(taken, 'listening');
  const address = taken.address();
  const ports = [typeof address === 'object' ? (address?.port ?? 0) : 0];
  const server = await launch({
    choosePort: async () => {
      const port = ports.pop();
      if (port !== undefined) return port;
      const probe = createServer().listen(0, '127.0.0.1');
      await once(probe, 'listening');
      const free = probe.address();
      await once(probe.close(), 'close');
      return typeof free === 'object' ? (free?.port ?? 0) : 0;
    },
  });
  t.strictSame(await query(url(server.port), 'select 1 as one'), [{ one: 1 }]);
});

await t.test("a failed start reports the end of the server's log", async (t) => {
  const directory = await makeCluster(t);
  const message = await rejection(
    t,
    startEmbeddedPostgres({ directory, database, settings: { shared_buffers: 'plenty' } }),
  );
  t.match(message, /did not start[^]*invalid value for parameter "shared_buffers": "plenty"/);
  const server = await start(t, directory);
  t.ok(server, 'and the folder is free again');
});

await t.test('a failed creation of the database stops the server', async (t) => {
  const directory = await makeCluster(t);
  await t.rejects(startEmbeddedPostgres({ directory, database: '', settings }), { code: '42601' });
  await t.rejects(access(join(clusterIn(directory), 'postmaster.pid')), { code: 'ENOENT' });
});

await t.test('the log is truncated when it is large', async (t) => {
  const directory = await makeCluster(t);
  const log = join(directory, 'postgres.log');
  await appendFile(log, '');
  await truncate(log, 10_000_001);
  await start(t, directory);
  t.ok((await stat(log)).size < 10_000);
});
