/**
 * A primary and a hot standby, replicating synchronously. The primary is killed under constant traffic
 * and the standby promoted: the service connects to it, and no acknowledged write is lost.
 */
import { execFileSync } from 'node:child_process';
import { chmod, chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { type Test, test } from 'tap';
import { connect } from '../../src/db/client.js';
import { migrate } from '../../src/db/migrate.js';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/development/postgres/index.js';
import { startService } from '../helpers/app.js';
import { createDatabase } from '../helpers/database.js';
import { isProblem } from '../helpers/problem.js';
import { waitUntil } from '../helpers/wait.js';
import { type Network, startNetwork } from './network.js';
import { killServer } from './processes.js';
import { assertUnavailable, isGood, isUnavailable, startTraffic } from './traffic.js';

/** The documented recovery is two seconds; a loaded machine gets one more. */
const LIMIT_MS = 3000;

const DATABASE = 'spaces';

/** A port without a listener. */
const CLOSED_PORT = 1;

/** One of the two servers, which may restart on another port. */
interface Node {
  directory: string;
  network: Network;
  server: EmbeddedPostgres;
  restart(settings: Record<string, string>): Promise<void>;
}

async function makeFolder(t: Test): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'spaces-failover-'));
  // When this runs as root, PostgreSQL runs as another user and needs access.
  await chmod(directory, 0o755);
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function startNode(
  t: Test,
  directory: string,
  settings: Record<string, string> = {},
): Promise<Node> {
  const network = await startNetwork(t);
  const start = async (more: Record<string, string>) => {
    const all = { fsync: 'off', ...more };
    const server = await startEmbeddedPostgres({ directory, database: DATABASE, settings: all });
    network.target = Number(new URL(server.url).port);
    return server;
  };
  const node = {
    directory,
    network,
    server: await start(settings),
    async restart(more: Record<string, string>) {
      await node.server.stop();
      node.server = await start(more);
    },
  };
  t.teardown(() => node.server.stop());
  return node;
}

/** Runs statements as superuser, without the network. */
async function administer<Result>(
  { server }: Node,
  work: (sql: postgres.Sql) => Promise<Result>,
): Promise<Result> {
  const sql = postgres(server.url, { max: 1, onnotice: () => undefined });
  return work(sql).finally(() => sql.end());
}

/** @returns the settings of a standby of a server */
function following({ server }: Node): Record<string, string> {
  const { hostname, port, username, password } = new URL(server.url);
  return {
    primary_conninfo: `host=${hostname} port=${port} user=${username} password=${password} application_name=standby`,
  };
}

/** Makes a hot standby of a running server without pg_basebackup, which may not be installed. */
async function startStandby(t: Test, primary: Node): Promise<Node> {
  const directory = await makeFolder(t);
  const data = join(directory, 'data');
  await administer(primary, async (sql) => {
    await sql`select pg_backup_start('standby', true)`;
    execFileSync('cp', ['-Rp', `${primary.server.directory}/.`, directory]);
    const [label] = await sql<{ file: string }[]>`
      select labelfile as file from pg_backup_stop(false)`;
    await rm(join(data, 'postmaster.pid'));
    await rm(join(directory, 'owner.json'));
    await put(data, 'backup_label', String(label?.file));
    await put(data, 'standby.signal', '');
  });
  return startNode(t, directory, following(primary));
}

/** Writes a file with the owner of the folder, so that the server can rename and remove it. */
async function put(data: string, name: string, text: string): Promise<void> {
  const file = join(data, name);
  await writeFile(file, text);
  const { uid, gid } = await stat(data);
  await chown(file, uid, gid);
}

/** Makes the commits of the primary wait until the standby has them. */
async function replicateSynchronously(primary: Node): Promise<void> {
  await administer(primary, async (sql) => {
    await sql`alter system set synchronous_standby_names = '*'`;
    await sql`select pg_reload_conf()`;
    const count = async () =>
      (await sql`select from pg_stat_replication where sync_state = 'sync'`).length;
    await waitUntil('a synchronous standby', async () => (await count()) > 0);
  });
}

/** @returns a URL with a host that is down, and both servers */
function urlOf(first: Node, second: Node, query = ''): string {
  const { username, password } = new URL(first.server.url);
  const ports = [CLOSED_PORT, first.network.port, second.network.port];
  const hosts = ports.map((port) => `127.0.0.1:${port}`);
  return `postgres://${username}:${password}@${hosts.join(',')}/${DATABASE}${query}`;
}

const faults: Record<string, (primary: Node) => Promise<unknown>> = {
  'killed with -9': ({ server }) => killServer(server),
  'off the network': async (primary) => {
    primary.network.isDropping = true;
    await killServer(primary.server);
  },
};

for (const [fault, inject] of Object.entries(faults)) {
  test(`the service connects to the next primary when the first is ${fault}, and loses no acknowledged write`, async (t) => {
    const primary = await startNode(t, await makeFolder(t));
    const standby = await startStandby(t, primary);
    await replicateSynchronously(primary);
    await migrate(urlOf(standby, primary));

    const url = urlOf(primary, standby, '?target_session_attrs=read-write');
    const db = connect({ url, poolMax: 5, statementTimeoutMs: 1000, prepare: true });
    t.teardown(() => db.$client.end({ timeout: 1 }));
    const service = await startService(t, { db, databaseUrl: url });
    const alice = await service.as('alice');
    const ready = async () => (await alice.get('/namespaces')).status;
    t.equal((await alice.post('/namespaces', { slug: 'acme' })).status, 201, fault);
    const traffic = startTraffic(alice, { readers: 8, writers: 2 });
    const { seen, answers } = traffic;
    await answers(100, isGood);
    t.equal(await ready(), 200, fault);

    await inject(primary);
    await answers(30, isUnavailable);
    t.equal(await ready(), 503, 'reads without a primary');
    t.equal((await service.send({ method: 'GET', path: '/livez' })).status, 200, '/livez');
    await administer(standby, (sql) => sql`select pg_promote()`);
    const promoted = performance.now();
    await answers(1, isGood);
    const recovery = performance.now() - promoted;
    await answers(100, isGood);
    t.equal(await ready(), 200, fault);

    const failures = seen.filter(({ answer }) => !isGood(answer));
    assertUnavailable(t, failures, 'failover');
    const longest = Math.max(...seen.map(({ milliseconds }) => milliseconds));
    t.ok(longest < LIMIT_MS, `the longest response took ${Math.round(longest)} ms`);
    t.ok(recovery < LIMIT_MS, `recovered ${Math.round(recovery)} ms after the promotion`);
    const last503 = Math.max(...failures.map(({ at }) => at)) - promoted;
    t.ok(last503 < LIMIT_MS, `the last failure came ${Math.round(last503)} ms after the promotion`);

    // The old primary restarts as a standby, and is still the first host.
    await put(join(primary.directory, 'data'), 'standby.signal', '');
    await primary.restart(following(standby));
    primary.network.isDropping = false;
    const before = seen.length;
    await administer(
      standby,
      (sql) => sql`
        select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'spaces'`,
    );
    await answers(100, isGood);
    const later = seen.slice(before).filter(({ answer }) => !isGood(answer));
    assertUnavailable(t, later, 'new connections');

    const { written, lost } = await traffic.end();
    t.same(lost, [], 'no acknowledged write is lost');
    t.comment(
      `primary ${fault}: ${seen.length} requests, ${failures.length} of them 503, longest ${Math.round(longest)} ms, recovered ${Math.round(recovery)} ms after the promotion; ${written} writes acknowledged, ${lost.length} lost`,
    );
  });
}

test('writes to a read-only server are 503, and succeed when it is writable again', async (t) => {
  const databaseUrl = await createDatabase(t, { direct: true });
  const { db: owner } = await startService(t, { databaseUrl });
  const setReadOnly = (value: 'on' | 'off') =>
    owner.execute(
      sql.raw(
        `alter database ${new URL(databaseUrl).pathname.slice(1)} set default_transaction_read_only = ${value}`,
      ),
    );
  await owner.execute(sql`select 1`);
  await setReadOnly('on');
  const service = await startService(t, { databaseUrl });
  const alice = await service.as('alice');
  isProblem(t, await alice.post('/namespaces', { slug: 'acme' }), 'unavailable');
  t.equal((await alice.get('/namespaces')).status, 200, 'reads succeed');
  await setReadOnly('off');
  // Open connections stay read-only.
  const begun = performance.now();
  const statuses = new Set<number>();
  await waitUntil('a write that is accepted', async () => {
    const { status } = await alice.post('/namespaces', { slug: 'acme' });
    statuses.add(status);
    return status === 201;
  });
  t.same(
    [...statuses].filter((status) => status !== 503),
    [201],
    'every earlier write is 503',
  );
  const recovery = performance.now() - begun;
  t.ok(recovery < LIMIT_MS, `writes succeed after ${Math.round(recovery)} ms`);
});
