/** The folder of the cluster: made, found, moved, or rejected. */
import { chmod, mkdir, readdir, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { ensureCluster } from '../../../src/development/postgres/cluster.js';
import { clusterIn, findDataDirectory } from '../../../src/development/postgres/data-directory.js';
import { startEmbeddedPostgres } from '../../../src/development/postgres/index.js';
import { run } from '../../../src/development/postgres/process.js';
import {
  database,
  isRoot,
  makeData,
  makeFolder,
  makeTemplate,
  query,
  readData,
  rejection,
  start,
} from './setup.js';

const makeCluster = await makeTemplate(t);

await t.test('an interrupted initdb is repeated', async (t) => {
  const directory = await makeFolder(t);
  await mkdir(join(directory, 'initdb-left', 'base'), { recursive: true });
  await writeFile(join(directory, 'initdb-left', 'PG_VERSION'), '18\n');
  await writeFile(join(directory, 'password'), 'of the interrupted one');
  const { url } = await start(t, directory);
  t.strictSame(await query(url, 'select 1 as one'), [{ one: 1 }]);
  t.notOk((await readdir(directory)).includes('initdb-left'));
});

await t.test('an unusable cluster is reported and not changed', async (t) => {
  const directory = await makeCluster(t);
  const server = await start(t, directory);
  await server.stop();
  const again = () => rejection(t, startEmbeddedPostgres({ directory, database }));

  await t.test('another major version', async (t) => {
    await writeFile(join(clusterIn(directory), 'PG_VERSION'), '17\n');
    t.match(await again(), /are of PostgreSQL 17, and the embedded one is 18/);
  });
  await t.test('no cluster', async (t) => {
    await unlink(join(clusterIn(directory), 'PG_VERSION'));
    t.match(await again(), /contains no PostgreSQL cluster/);
    await writeFile(join(clusterIn(directory), 'PG_VERSION'), '18\n');
  });
  await t.test('a lost password', async (t) => {
    await unlink(join(directory, 'password'));
    t.match(await again(), /password of the embedded PostgreSQL cannot be read/);
  });
});

await t.test('a failed initdb is reported, and leaves no files', async (t) => {
  const { directory, account } = await findDataDirectory(await makeFolder(t));
  const failing = ensureCluster({ directory, account, notice: null }, 'false', '18');
  t.match(await rejection(t, failing), /could not create its files/);
  t.strictSame(await readdir(directory), ['password']);
});

await t.test('a path may have spaces, an apostrophe and letters beyond ASCII', async (t) => {
  const directory = join(await makeFolder(t, "it's a folder"), 'with é inside');
  const { url } = await start(t, directory);
  t.strictSame(await query(url, 'select 1 as one'), [{ one: 1 }]);
});

await t.test('a folder that cannot be created is named', async (t) => {
  const file = join(await makeFolder(t), 'file');
  await writeFile(file, '');
  const message = await rejection(
    t,
    startEmbeddedPostgres({ directory: join(file, 'below'), database }),
  );
  t.match(message, `cannot store its files in "${join(file, 'below')}" (Error: ENOTDIR`);
});

await t.test(
  'an inaccessible folder is replaced for root, and reported to other users',
  async (t) => {
    const directory = await makeFolder(t);
    if (!isRoot) {
      await chmod(directory, 0o500);
      const message = await rejection(t, startEmbeddedPostgres({ directory, database }));
      t.match(message, `cannot store its files in "${directory}" (Error: EACCES`);
      return;
    }
    await chmod(directory, 0o700);
    const first = await start(t, directory);
    t.teardown(() => rm(first.directory, { recursive: true }));
    t.notSame(first.directory, directory);
    t.match(first.notice, first.directory);
    await query(first.url, makeData);
    await first.stop();

    await chmod(directory, 0o755);
    const second = await start(t, directory);
    t.equal(second.directory, first.directory, 'and stays there when the folder is opened');
    t.strictSame(await query(second.url, readData), [{ value: 'here' }]);
  },
);

await t.test('an inaccessible cluster is reported, and a copied one is used', async (t) => {
  const directory = await makeCluster(t);
  const first = await start(t, directory);
  await query(first.url, makeData);
  await first.stop();
  await chmod(directory, isRoot ? 0o700 : 0o500);
  const message = await rejection(t, startEmbeddedPostgres({ directory, database }));
  t.match(message, isRoot ? /cannot access its files in/ : /cannot store its files in/);
  await chmod(directory, 0o755);

  const copy = join(await makeFolder(t), 'copy');
  await run(null, 'cp', ['-R', directory, copy]);
  const second = await start(t, copy);
  t.strictSame(await query(second.url, readData), [{ value: 'here' }]);
});

await t.test('a missing user for PostgreSQL is reported to root', async (t) => {
  const directory = await makeFolder(t);
  const { PATH } = process.env;
  t.teardown(() => Object.assign(process.env, { PATH }));
  Object.assign(process.env, { PATH: '/nonexistent' });
  if (isRoot)
    t.match(await rejection(t, findDataDirectory(directory)), /no user "postgres" or "nobody"/);
  else t.strictSame(await findDataDirectory(directory), { directory, account: null, notice: null });
});
