/**
 * One fault of the database after another under constant traffic. Whatever happens, each request gets
 * an answer in time, and traffic is well again soon after the database is.
 */
import { execFileSync } from 'node:child_process';
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { test } from 'tap';
import { connect } from '../../src/db/client.js';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/db/embedded.js';
import { migrate } from '../../src/db/migrate.js';
import { type Answer, startService } from '../helpers/app.js';
import { pick } from '../helpers/json.js';
import { startNetwork } from './network.js';

/** What is promised is two seconds; a loaded machine gets one more. */
const PROMISE_MS = 3000;

const READERS = 8;
const WRITERS = 2;
const ROLE = 'service';
const PASSWORD = 'only used by the tests';

interface Seen {
  answer: Answer;
  milliseconds: number;
  at: number;
}

test('each request is answered in time, whatever happens to the database', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'spaces-faults-'));
  await chmod(directory, 0o755);
  const network = await startNetwork(t);
  let server: EmbeddedPostgres;
  const start = async () => {
    server = await startEmbeddedPostgres({
      directory,
      database: 'spaces',
      settings: { fsync: 'off', max_connections: '50' },
    });
    network.target = Number(new URL(server.url).port);
    return server;
  };
  server = await start();
  t.teardown(async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
    await rm(server.directory, { recursive: true, force: true });
  });

  /** Does something as superuser, past the network. */
  const administer = async (work: (sql: postgres.Sql) => Promise<unknown>) => {
    const sql = postgres(server.url, { max: 1, onnotice: () => undefined });
    await work(sql).finally(() => sql.end());
  };
  const terminate = (sql: postgres.Sql) =>
    sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${ROLE}`;
  await administer(async (sql) => {
    await sql.unsafe(`create role ${ROLE} login password '${PASSWORD}'`);
    await sql.unsafe(`alter database spaces owner to ${ROLE}`);
    await sql.unsafe(`alter schema public owner to ${ROLE}`);
  });

  const url = new URL(server.url);
  url.port = String(network.port);
  url.username = ROLE;
  url.password = PASSWORD;
  await migrate(url.href);
  const db = connect({ url: url.href, poolMax: 5, statementTimeoutMs: 1000, prepare: true });
  t.teardown(() => db.$client.end({ timeout: 1 }));
  const service = await startService(t, { db, databaseUrl: url.href });
  const alice = await service.as('alice');
  t.equal((await alice.post('/namespaces', { slug: 'acme' })).status, 201);

  const seen: Seen[] = [];
  const written: string[] = [];
  let names = 0;
  let stopped = false;
  const observe = async (send: () => Promise<Answer>): Promise<Answer> => {
    const begun = performance.now();
    const answer = await send();
    const at = performance.now();
    seen.push({ answer, milliseconds: at - begun, at });
    // `inject` may answer without ever waiting; the test and the timers want their turn.
    await new Promise((resolve) => setImmediate(resolve));
    return answer;
  };
  const traffic = [
    ...Array.from({ length: READERS }, async () => {
      while (!stopped) await observe(() => alice.get('/namespaces/acme/spaces'));
    }),
    ...Array.from({ length: WRITERS }, async () => {
      while (!stopped) {
        const slug = `space-${(names += 1)}`;
        const answer = await observe(() =>
          alice.post('/namespaces/acme/spaces', { name: 'A space', slug }),
        );
        if (answer.status === 201) written.push(slug);
      }
    }),
  ];
  /** Resolves when the traffic has got this many more answers of a kind. */
  const answers = async (count: number, isMeant: (answer: Answer) => boolean = () => true) => {
    let next = seen.length;
    for (let found = 0; found < count;) {
      await new Promise((resolve) => setImmediate(resolve));
      for (; next < seen.length; next += 1) if (isMeant(seen[next]?.answer ?? never())) found += 1;
    }
  };
  const isGood = ({ status }: Answer) => status < 300;
  const isRefused = ({ status }: Answer) => status === 503;
  const postmaster = async () =>
    Number(
      (await readFile(join(server.directory, 'data', 'postmaster.pid'), 'utf8')).split('\n')[0],
    );
  const signalAll = async (signal: 'SIGSTOP' | 'SIGCONT') => {
    const pid = await postmaster();
    const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)]).toString();
    for (const each of [pid, ...children.split('\n').map(Number)]) {
      if (each > 0) process.kill(each, signal);
    }
  };

  /** What breaks the database for as long as `mend` has not been called, and what happens once. */
  const faults: Record<string, { strike: () => Promise<unknown>; mend?: () => Promise<unknown> }> =
    {
      'connections terminated': { strike: () => administer(terminate) },
      restarted: { strike: () => server.stop().then(start) },
      stopped: { strike: () => server.stop(), mend: start },
      'killed with -9': {
        strike: async () => {
          process.kill(await postmaster(), 'SIGKILL');
        },
        mend: async () => {
          await server.stop();
          await start();
        },
      },
      'full of connections (53300)': {
        strike: () =>
          administer(async (sql) => {
            await sql.unsafe(`alter role ${ROLE} connection limit 0`);
            await terminate(sql);
          }),
        mend: () => administer((sql) => sql.unsafe(`alter role ${ROLE} connection limit -1`)),
      },
      'frozen (SIGSTOP)': { strike: () => signalAll('SIGSTOP'), mend: () => signalAll('SIGCONT') },
      'network that swallows everything': {
        strike: () => Promise.resolve((network.swallows = true)),
        mend: () => Promise.resolve((network.swallows = false)),
      },
    };

  await answers(50, isGood);
  const report: string[] = [];
  for (const [fault, { strike, mend }] of Object.entries(faults)) {
    const from = seen.length;
    await strike();
    let slowestReadiness = 0;
    if (mend) {
      await answers(30, isRefused);
      const begun = performance.now();
      const readiness = await service.send({ method: 'GET', path: '/readyz' });
      slowestReadiness = performance.now() - begun;
      t.equal(readiness.status, 503, `${fault}: not ready`);
      t.equal(
        (await service.send({ method: 'GET', path: '/livez' })).status,
        200,
        `${fault}: alive`,
      );
      await mend();
    }
    const mended = performance.now();
    await answers(1, isGood);
    const recovery = performance.now() - mended;
    await answers(100, isGood);
    t.equal(
      (await service.send({ method: 'GET', path: '/readyz' })).status,
      200,
      `${fault}: ready`,
    );

    const during = seen.slice(from);
    const longest = Math.max(...during.map(({ milliseconds }) => milliseconds), slowestReadiness);
    const failures = during.filter(({ answer }) => !isGood(answer));
    t.same(
      failures.filter(({ answer }) => !isRefused(answer)).map(({ answer }) => answer.text),
      [],
      `${fault}: what is not good is 503`,
    );
    t.ok(
      failures.every(
        ({ answer }) =>
          /^\d+$/.test(String(answer.headers['retry-after'])) &&
          /^(unavailable|overloaded)$/.test(String(pick(answer.json, 'code'))),
      ),
      `${fault}: with Retry-After`,
    );
    t.ok(longest < PROMISE_MS, `${fault}: the longest answer took ${Math.round(longest)} ms`);
    t.ok(recovery < PROMISE_MS, `${fault}: well again after ${Math.round(recovery)} ms`);
    const last503 = Math.max(mended, ...failures.map(({ at }) => at)) - mended;
    t.ok(last503 < PROMISE_MS, `${fault}: no failure later than ${Math.round(last503)} ms after`);
    report.push(
      `${fault}: ${during.length} requests, ${failures.length} of them 503, longest ${Math.round(longest)} ms, well again after ${Math.round(recovery)} ms`,
    );
  }
  stopped = true;
  await Promise.all(traffic);

  const lost = [];
  for (const slug of written) {
    if ((await alice.get(`/namespaces/acme/projects/${slug}`)).status !== 200) lost.push(slug);
  }
  t.same(lost, [], 'no acknowledged write is lost');
  for (const line of report) t.comment(line);
  t.comment(
    `${Object.keys(faults).length} faults, ${seen.length} requests, all answered; ${written.length} writes acknowledged, ${lost.length} lost`,
  );
});

function never(): never {
  throw new Error('There is an answer at every index');
}
