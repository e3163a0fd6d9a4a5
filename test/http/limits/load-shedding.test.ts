import { connect } from 'node:net';
import { sql } from 'drizzle-orm';
import { type Test, test } from 'tap';
import { signToken } from '../../../src/development/token.js';
import { SECRET, type Service, startService } from '../../helpers/app.js';
import { createDatabase, openDatabase } from '../../helpers/database.js';
import { portOf } from '../../helpers/issuer.js';
import { isProblem } from '../../helpers/problem.js';
import { startProxy } from '../../helpers/proxy.js';
import { beforeDeadline, waitUntil } from '../../helpers/wait.js';

/** The concurrent requests of one connection. */
const MAX_CONCURRENT = 4;

/** @returns a service with one connection, and a function that blocks its statements */
async function startSmall(t: Test, queueMax: number) {
  const databaseUrl = await createDatabase(t);
  const db = openDatabase(t, databaseUrl, { poolMax: 1, statementTimeoutMs: 30_000 });
  const service = await startService(t, { db, databaseUrl, queueMax });
  const other = await startService(t, { databaseUrl });
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'acme' });
  return {
    service,
    alice,
    other: other.db,
    /** blocks reads and writes during `work` */
    whileBlocked: <Result>(work: () => Promise<Result>): Promise<Result> =>
      other.db.transaction(async (lock) => {
        await lock.execute(sql`lock table namespaces in access exclusive mode`);
        return work();
      }),
  };
}

/** Waits until so many requests are at the database, and so many in the queue. */
async function reached({ app }: Service, active: number, waiting: number): Promise<void> {
  await waitUntil(
    `${active} active and ${waiting} waiting requests`,
    () => app.load.active === active && app.load.waiting === waiting,
  );
}

test('a request that is rejected before its first statement, and OPTIONS, opens no connection', async (t) => {
  const proxy = await startProxy(t, await createDatabase(t));
  const db = openDatabase(t, proxy.url, { poolMax: 1 });
  const service = await startService(t, { db });
  const alice = await service.as('alice');
  const reader = await service.as('alice', 'spaces:read');
  const answers = [
    await service.send({ method: 'GET', path: '/namespaces' }),
    await reader.post('/namespaces', { slug: 'acme' }),
    await alice.post('/namespaces', {}),
    await alice.get('/namespaces?page=0'),
    await alice.get('/nowhere'),
    await alice.send({ method: 'OPTIONS', path: '/namespaces' }),
    await alice.send({ method: 'POST', path: '/namespaces', body: 'x'.repeat(70_000) }),
  ];
  t.same(
    answers.map(({ status }) => status),
    [401, 403, 400, 400, 404, 204, 413],
  );
  t.equal(proxy.traffic.roundTrips, 0, 'no connection is opened');
  t.equal(service.app.load.active, 0);
});

test('waiting searches do not delay other requests', async (t) => {
  const databaseUrl = await createDatabase(t);
  const open = () => openDatabase(t, databaseUrl, { poolMax: 1, statementTimeoutMs: 30_000 });
  const [db, searchDb] = [open(), open()];
  const service = await startService(t, { db, searchDb });
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'acme' });
  const spaces = '/namespaces/acme/spaces';
  const queries = ['q=lab', 'tag=a', 'state=all', 'slug=a', 'createdAfter=2026-01-01T00:00:00Z'];

  const searches = await searchDb.transaction(async () => {
    const sent = queries.map((query) => alice.get(`${spaces}?${query}`));
    await reached(service, 1, queries.length - 1);
    for (const query of ['', '?page=2', '?sort=-name', '?cursor=&sort=slug']) {
      t.equal((await alice.get(spaces + query)).status, 200, `${query} is answered`);
    }
    t.equal((await alice.post(spaces, { name: 'New' })).status, 201);
    return sent;
  });
  const [first, ...others] = await Promise.all(searches);
  t.equal(first?.status, 200, 'the active search');
  // The waiting searches may have exceeded the queue timeout.
  for (const { status } of others) t.ok([200, 503].includes(status), String(status));
});

test('one subject takes at most half of the concurrent searches while others wait', async (t) => {
  const databaseUrl = await createDatabase(t);
  const open = (poolMax: number) =>
    openDatabase(t, databaseUrl, { poolMax, statementTimeoutMs: 30_000 });
  const [db, searchDb, other] = [open(2), open(2), open(1)];
  const service = await startService(t, { db, searchDb });
  const [alice, bob] = [await service.as('alice'), await service.as('bob')];
  for (const [client, slug] of [
    [alice, 'acme'],
    [bob, 'bobs'],
  ] as const) {
    await client.post('/namespaces', { slug });
    // Caches the slug, so that the request executes the search only.
    await client.get(`/namespaces/${slug}/spaces?q=lab`);
  }
  const answered: string[] = [];
  const search = async (client: typeof alice, slug: string) => {
    const { status } = await client.get(`/namespaces/${slug}/spaces?q=lab`);
    answered.push(client.subject);
    return status;
  };
  const searches = await other.transaction(async (lock) => {
    await lock.execute(sql`lock table spaces in access exclusive mode`);
    const ofAlice = Array.from({ length: 42 }, () => search(alice, 'acme'));
    await reached(service, 2, 40);
    const ofBob = search(bob, 'bobs');
    await reached(service, 2, 41);
    return [...ofAlice, ofBob];
  });
  for (const status of await Promise.all(searches)) t.ok([200, 503].includes(status));
  t.ok(
    answered.indexOf('bob') < 10,
    `the last search is answered as number ${answered.indexOf('bob')}`,
  );
});

test('a request beyond the concurrency limit and the queue is rejected', async (t) => {
  const { service, alice, whileBlocked } = await startSmall(t, 0);
  const admitted = await whileBlocked(async () => {
    const requests = Array.from({ length: MAX_CONCURRENT }, () => alice.get('/namespaces/acme'));
    await reached(service, MAX_CONCURRENT, 0);
    const rejected = await alice.get('/namespaces/acme');
    isProblem(t, rejected, 'overloaded');
    t.match(rejected.headers['retry-after'], /^\d+$/);
    t.equal(service.app.load.rejected, 1);
    t.equal(service.app.load.active, MAX_CONCURRENT, 'it did not reach the database');
    t.equal((await service.send({ method: 'GET', path: '/livez' })).status, 200);
    return requests;
  });
  for (const { status } of await Promise.all(admitted)) t.equal(status, 200, 'the admitted ones');
  t.equal((await alice.get('/namespaces/acme')).status, 200, 'a later request');
});

test('a queued request starts when another ends, in order of arrival', async (t) => {
  const { service, alice, whileBlocked } = await startSmall(t, 10);
  const order: string[] = [];
  const requests = await whileBlocked(async () => {
    const first = Array.from({ length: MAX_CONCURRENT }, () => alice.get('/namespaces/acme'));
    await reached(service, MAX_CONCURRENT, 0);
    const second = alice.get('/namespaces/acme').finally(() => order.push('second'));
    await reached(service, MAX_CONCURRENT, 1);
    const third = alice.get('/namespaces/acme').finally(() => order.push('third'));
    await reached(service, MAX_CONCURRENT, 2);
    return [...first, second, third];
  });
  for (const { status } of await Promise.all(requests)) t.equal(status, 200);
  t.same(order, ['second', 'third']);
});

test('a request that waits longer than the queue timeout is rejected', async (t) => {
  const { service, alice, whileBlocked } = await startSmall(t, 10);
  const admitted = await whileBlocked(async () => {
    const requests = Array.from({ length: MAX_CONCURRENT }, () => alice.get('/namespaces/acme'));
    await reached(service, MAX_CONCURRENT, 0);
    for (const answer of await Promise.all([
      alice.get('/namespaces/acme'),
      alice.post('/namespaces', { slug: 'other' }),
    ])) {
      isProblem(t, answer, 'overloaded');
    }
    t.equal(service.app.load.waiting, 0);
    return requests;
  });
  for (const { status } of await Promise.all(admitted)) t.equal(status, 200);
  isProblem(
    t,
    await alice.get('/namespaces/other'),
    'namespace_not_found',
    'a rejected request has no effect',
  );
});

test('a queued request of a closed connection is dropped; a started one is finished', async (t) => {
  const { service, alice, whileBlocked } = await startSmall(t, 10);
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  const port = portOf(service.app.server.address());
  const token = await signToken(SECRET, { subject: 'alice', expiresIn: '1 hour' });
  const post = (slug: string) => {
    const body = JSON.stringify({ slug });
    const socket = connect(port, '127.0.0.1');
    socket.write(
      [
        'POST /namespaces HTTP/1.1',
        'Host: test',
        `Authorization: Bearer ${token}`,
        'Content-Type: application/json',
        `Content-Length: ${body.length}`,
        '',
        body,
      ].join('\r\n'),
    );
    return socket;
  };
  const closed = () =>
    new Promise((resolve) =>
      service.app.server.once('connection', (socket) => socket.once('close', resolve)),
    );

  const admitted = await whileBlocked(async () => {
    const begunClosed = closed();
    const begun = post('begun');
    await reached(service, 1, 0);
    const requests = Array.from({ length: MAX_CONCURRENT - 1 }, () =>
      alice.get('/namespaces/acme'),
    );
    await reached(service, MAX_CONCURRENT, 0);
    const waitingClosed = closed();
    const waiting = post('waiting');
    await reached(service, MAX_CONCURRENT, 1);
    begun.destroy();
    waiting.destroy();
    await beforeDeadline(
      'the server to close both connections',
      Promise.all([begunClosed, waitingClosed]),
    );
    return requests;
  });
  await Promise.all(admitted);
  await reached(service, 0, 0);
  t.equal((await alice.get('/namespaces/begun')).status, 200);
  isProblem(t, await alice.get('/namespaces/waiting'), 'namespace_not_found');
});
