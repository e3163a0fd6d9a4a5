/** One process at a time owns a folder, and no server outlives its process for long. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chown, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { clusterIn } from '../../../src/development/postgres/data-directory.js';
import { startEmbeddedPostgres } from '../../../src/development/postgres/index.js';
import { waitUntil } from '../../helpers/wait.js';
import {
  database,
  hasEnded,
  isRoot,
  kill,
  makeData,
  makeTemplate,
  query,
  readData,
  readPostmaster,
  rejection,
  settings,
  start,
  startElsewhere,
} from './setup.js';

const makeCluster = await makeTemplate(t);

await t.test('after a kill -9 of Node and PostgreSQL the next start has the data', async (t) => {
  const directory = await makeCluster(t);
  const { child, url, postmaster } = await startElsewhere(t, directory);
  await query(url, makeData);
  await kill(child);
  process.kill(postmaster, 'SIGKILL');

  const server = await start(t, directory);
  t.strictSame(await query(server.url, readData), [{ value: 'here' }]);
});

await t.test(
  'after a kill -9 of Node the next start replaces the orphaned server and keeps the data',
  async (t) => {
    const directory = await makeCluster(t);
    const { child, url, postmaster } = await startElsewhere(t, directory);
    await query(url, makeData);
    await kill(child);
    t.notOk(await hasEnded(postmaster), 'there is an orphan');

    const server = await start(t, directory);
    t.ok(await hasEnded(postmaster));
    t.strictSame(await query(server.url, readData), [{ value: 'here' }]);
  },
);

await t.test('a process that exits without a stop leaves no server', async (t) => {
  const directory = await makeCluster(t);
  const { postmaster } = await startElsewhere(t, directory, 'process.exit(0)');
  await t.resolves(waitUntil('the end of the server', () => hasEnded(postmaster)));
});

await t.test('a process without further work ends, and its server too', async (t) => {
  const directory = await makeCluster(t);
  const { postmaster } = await startElsewhere(t, directory, '');
  await t.resolves(waitUntil('the end of the server', () => hasEnded(postmaster)));
});

await t.test('Ctrl-C, which signals the process group, does not reach PostgreSQL', async (t) => {
  const directory = await makeCluster(t);
  await start(t, directory);
  const leader = await readPostmaster(directory);
  t.ok(process.kill(-leader, 0), 'it leads a group of its own');
});

await t.test('a folder in use is rejected, and the message names the process', async (t) => {
  const directory = await makeCluster(t);
  const { node, url } = await startElsewhere(t, directory);
  const message = await rejection(t, startEmbeddedPostgres({ directory, database }));
  t.match(message, `already in use by the process ${node}.`);
  t.strictSame(await query(url, 'select 1 as one'), [{ one: 1 }], 'and it goes on');
});

await t.test('of parallel starts exactly one succeeds', async (t) => {
  const directory = await makeCluster(t);
  for (const name of ['owner.json', 'owner.json.guard']) {
    await writeFile(join(directory, name), '{"pid":1,"started":"never"}');
  }
  const starts = await Promise.allSettled(
    Array.from({ length: 5 }, () => startEmbeddedPostgres({ directory, database, settings })),
  );
  const servers = starts.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  await Promise.all(servers.map((server) => server.stop()));
  t.equal(servers.length, 1);
});

await t.test('a stale owner file with a reused process id does not block a start', async (t) => {
  const directory = await makeCluster(t);
  for (const content of [JSON.stringify({ pid: process.pid, started: '1' }), 'not JSON', '{}']) {
    await writeFile(join(directory, 'owner.json'), content);
    const server = await start(t, directory);
    await server.stop();
  }
});

await t.test(
  'a stale postmaster.pid neither blocks a start nor harms the process with that id',
  async (t) => {
    const directory = await makeCluster(t);
    const first = await start(t, directory);
    await first.stop();
    const { uid, gid } = await stat(clusterIn(directory));
    const stranger = spawn('sleep', ['600'], { ...(isRoot && { uid, gid }) });
    t.teardown(() => stranger.kill());
    await once(stranger, 'spawn');
    const file = join(clusterIn(directory), 'postmaster.pid');
    await writeFile(file, `${stranger.pid}\n${clusterIn(directory)}\n1\n1\n\n\n\nready\n`);
    await chown(file, uid, gid);

    await start(t, directory);
    t.equal(stranger.exitCode, null);
    t.equal(stranger.signalCode, null);
  },
);
