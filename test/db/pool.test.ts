/** The pool replaces connections one at a time, and never opens more than its maximum. */
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { type Test, test } from 'tap';
import { startService } from '../helpers/app.js';
import { createDatabase, openDatabase } from '../helpers/database.js';
import { waitUntil } from '../helpers/wait.js';

const POOL_MAX = 3;

/** Opens a pool, and a session that observes its connections. */
async function open(t: Test) {
  const url = await createDatabase(t, { direct: true });
  const db = openDatabase(t, url, { poolMax: POOL_MAX, statementTimeoutMs: 400, prepare: true });
  const admin = postgres(url, { max: 1, onnotice: () => undefined });
  t.teardown(() => admin.end());
  const backends = async (): Promise<number[]> => {
    const rows = await admin<{ pid: number }[]>`
      select pid from pg_stat_activity
      where datname = current_database() and application_name = 'spaces' order by pid`;
    return rows.map(({ pid }) => pid);
  };
  /** Runs so many statements at once, each on a connection of its own. */
  const together = (count = POOL_MAX) =>
    Promise.all(
      Array.from({ length: count }, async () => {
        const [row] = await db.execute<{ pid: number }>(
          sql`select pg_backend_pid() as pid from pg_sleep(0.05)`,
        );
        return row?.pid;
      }),
    );
  return { url, db, admin, backends, together };
}

test('an ended connection is replaced, and the others stay', async (t) => {
  const { db, admin, backends, together } = await open(t);
  await together();
  const before = await backends();
  t.equal(before.length, POOL_MAX);
  const [ended = 0, ...others] = before;
  await admin`select pg_terminate_backend(${ended})`;
  await waitUntil(
    'the pool to notice the end of a connection',
    () => db.usage().connections < POOL_MAX,
  );
  const pids = await together();
  t.equal(new Set(pids).size, POOL_MAX, 'each statement has a connection of its own');
  for (const pid of others) t.ok((await backends()).includes(pid), 'the others stay open');
  t.equal((await backends()).length, POOL_MAX);
});

test('an abandoned connection counts until its backend has ended', async (t) => {
  const { db, backends, together } = await open(t);
  await together();
  const [stopped = 0] = await backends();
  // A stopped backend stands for one that cannot be interrupted.
  process.kill(stopped, 'SIGSTOP');
  try {
    let most = 0;
    const outcomes: string[] = [];
    const runRound = async () => {
      const settled = await Promise.allSettled([together(), together(2)]);
      outcomes.push(...settled.map(({ status }) => status));
      most = Math.max(most, (await backends()).length);
    };
    await waitUntil(
      'statements to fail, and then to succeed on the other connections',
      async () => {
        await runRound();
        return (
          outcomes.includes('rejected') &&
          outcomes.slice(-4).every((status) => status === 'fulfilled')
        );
      },
    );
    for (let round = 0; round < 10; round += 1) await runRound();
    t.same(new Set(outcomes.slice(-20)), new Set(['fulfilled']), 'the others succeed');
    t.equal(most, POOL_MAX, 'never more connections than the maximum');
    t.equal(db.usage().connections, POOL_MAX);
  } finally {
    process.kill(stopped, 'SIGCONT');
  }
  await waitUntil('the end of the backend', async () => !(await backends()).includes(stopped));
  await waitUntil('a connection in its place', async () => {
    await together();
    return (await backends()).length === POOL_MAX;
  });
  t.equal(db.usage().statements, 0, 'no abandoned statement is counted');
});

test('uninterruptible statements on every connection open no other connection', async (t) => {
  const { backends, together } = await open(t);
  await together();
  const stopped = await backends();
  for (const pid of stopped) process.kill(pid, 'SIGSTOP');
  try {
    const seen = new Set<string>();
    const deadline = performance.now() + 2500;
    while (performance.now() < deadline) {
      await Promise.allSettled([together()]);
      seen.add((await backends()).join());
    }
    t.same([...seen], [stopped.join()], 'the connections are the same all the time');
  } finally {
    for (const pid of stopped) process.kill(pid, 'SIGCONT');
  }
  await waitUntil('statements to succeed again', () =>
    together(1).then(
      () => true,
      () => false,
    ),
  );
  t.ok((await backends()).length <= POOL_MAX);
});

test('idle sessions that PostgreSQL ends fail no request', async (t) => {
  const { url, admin, backends } = await open(t);
  // The first statements of sessions are slow on a loaded machine.
  const db = openDatabase(t, url, { poolMax: POOL_MAX, prepare: true });
  const name = new URL(url).pathname.slice(1);
  await admin.unsafe(`alter database ${name} set idle_session_timeout to 100`);
  const service = await startService(t, { databaseUrl: url, db });
  const owner = await service.as('olga');
  t.equal((await owner.post('/namespaces', { slug: 'team' })).status, 201);
  for (let round = 0; round < 10; round += 1) {
    await waitUntil('the end of the session', async () => (await backends()).length === 0);
    const answers = await Promise.all([owner.get('/namespaces'), owner.get('/namespaces/team')]);
    t.same(
      answers.map(({ status }) => status),
      [200, 200],
    );
  }
});
