import { once } from 'node:events';
import { connect } from 'node:net';
import { sql } from 'drizzle-orm';
import { Registry } from 'prom-client';
import { type Test, test } from 'tap';
import { buildMetricsApp } from '../../../src/app.js';
import { signToken } from '../../../src/development/token.js';
import { SECRET, type Service, startService } from '../../helpers/app.js';
import { movableClock } from '../../helpers/clock.js';
import { createDatabase, openDatabase } from '../../helpers/database.js';
import { fetchInTime } from '../../helpers/fetch.js';
import { portOf, signingKey, startIssuer } from '../../helpers/issuer.js';
import { operations } from '../../helpers/operations.js';
import { startServer } from '../../helpers/process.js';
import { members, seedNamespace } from '../../helpers/seed.js';
import { beforeDeadline, waitUntil } from '../../helpers/wait.js';

const startMeasured = (t: Test) =>
  startService(t, { metrics: { registry: new Registry(), served: true } });

const read = async (service: Service) =>
  (await service.send({ method: 'GET', path: '/metrics' })).text;

/** @returns the values of one metric, by its labels as they are written */
function samples(text: string, name: string): Record<string, number> {
  return Object.fromEntries(
    text
      .split('\n')
      .filter((line) => line.startsWith(name) && ['{', ' '].includes(line.charAt(name.length)))
      .map((line) => {
        const at = line.lastIndexOf(' ');
        return [line.slice(name.length, at), Number(line.slice(at + 1))];
      }),
  );
}

test('requests are counted by method, route template and status, and need no token', async (t) => {
  const service = await startMeasured(t);
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'acme' });
  await alice.get('/namespaces/acme/spaces');
  await alice.get('/namespaces/acme/spaces?page=2');
  await alice.get('/namespaces/other/spaces');
  await service.send({ method: 'GET', path: '/namespaces/acme/spaces' });

  const { status, headers, text } = await service.send({ method: 'GET', path: '/metrics' });
  t.equal(status, 200);
  t.match(headers['content-type'], /^text\/plain; version=0\.0\.4/);
  const counts = samples(text, 'http_request_duration_seconds_count');
  t.match(counts, {
    '{method="POST",route="/namespaces",status="201"}': 1,
    '{method="GET",route="/namespaces/:slug/spaces",status="200"}': 2,
    '{method="GET",route="/namespaces/:slug/spaces",status="404"}': 1,
    '{method="GET",route="/namespaces/:slug/spaces",status="401"}': 1,
  });
  t.same(samples(text, 'http_requests_rejected_total'), {
    '{code="namespace_not_found"}': 1,
    '{code="token_missing"}': 1,
  });
  t.same(samples(text, 'http_requests_in_flight'), { '': 1 }, 'the scrape itself');

  Object.assign(service.app.load, { active: 3, waiting: 7 });
  const busy = await read(service);
  t.same(samples(busy, 'database_requests_active'), { '': 3 });
  t.same(samples(busy, 'database_requests_waiting'), { '': 7 });
});

test('the metrics show the connections and statements of the pool', async (t) => {
  const databaseUrl = await createDatabase(t);
  const db = openDatabase(t, databaseUrl, { poolMax: 2 });
  const metrics = { registry: new Registry(), served: true };
  const service = await startService(t, { db, databaseUrl, metrics });
  const pool = async () => {
    const text = await read(service);
    return ['statements_active', 'connections', 'connections_max'].map(
      (name) => samples(text, `database_${name}`)[''],
    );
  };
  t.same(await pool(), [0, 0, 2]);
  const alice = await service.as('alice');
  const other = openDatabase(t, databaseUrl);
  const answer = await other.transaction(async (lock) => {
    await lock.execute(sql`lock table namespaces in access exclusive mode`);
    const held = alice.get('/namespaces/acme');
    await waitUntil('a connection of the pool', () => db.usage().connections > 0);
    t.same(await pool(), [1, 1, 2]);
    // Wrapped in an object, because the transaction must end before the response is awaited.
    return { held };
  });
  t.equal((await answer.held).status, 404);
  t.same(await pool(), [0, 1, 2], 'the connection is kept');
});

test("the metrics show the age of the issuer's keys and the failed fetches", async (t) => {
  const advance = movableClock(t);
  const key = await signingKey('ES256', 'key');
  const issuer = await startIssuer(t, key);
  const service = await startService(t, {
    token: { key: issuer.url, issuer: null, audience: null },
    metrics: { registry: new Registry(), served: true },
  });
  const call = async () => {
    const headers = { authorization: `Bearer ${await key.sign()}` };
    return (await service.send({ method: 'GET', path: '/namespaces', headers })).status;
  };
  const keys = async () => {
    const text = await read(service);
    const age = samples(text, 'jwks_age_seconds')[''] ?? NaN;
    // The clock advances during the test.
    return [Math.floor(age / 60), samples(text, 'jwks_fetch_failures_total')['']];
  };

  t.same(await keys(), [0, 0]);
  advance(60_000);
  t.same(await keys(), [1, 0], 'without keys the age counts from the start');
  t.equal(await call(), 200);
  t.same(await keys(), [0, 0]);

  const { answer } = issuer;
  issuer.answer = { status: 500, body: 'oops' };
  advance(11 * 60_000);
  t.same(await keys(), [11, 0], 'an idle service fetches no keys');
  t.equal(await call(), 200, 'the known keys are kept');
  t.same(await keys(), [11, 1]);
  advance.setBack(3_600_000);
  t.same(await keys(), [11, 1], 'after the clock was set back');
  issuer.answer = answer;
  advance(60_000);
  t.equal(await call(), 200);
  t.same(await keys(), [0, 1]);
});

test("a service with a secret has no metrics of an issuer's keys", async (t) => {
  t.notMatch(await read(await startMeasured(t)), /jwks/);
});

test('requests cannot create label values', async (t) => {
  const service = await startMeasured(t);
  await seedNamespace(service, 'acme');
  const owner = await service.as(members.owner);
  for (const { request } of operations) await owner.send(request('acme'));
  const before = Object.keys(samples(await read(service), 'http_request_duration_seconds_count'));

  for (let index = 0; index < 50; index += 1) {
    await service.send({ method: 'GET', path: `/made-up-${index}` });
    await service.send({ method: 'DELETE', path: `/made-up-${index}` });
    await owner.get(`/namespaces/acme/spaces/made-up-${index}?made-up=${index}`);
  }
  const text = await read(service);
  t.notMatch(text, /made-up|acme|olga/);
  const added = Object.keys(samples(text, 'http_request_duration_seconds_count')).filter(
    (labels) => !before.includes(labels),
  );
  t.strictSame(added.sort(), [
    '{method="*",route="none",status="404"}',
    '{method="GET",route="/metrics",status="200"}',
    '{method="GET",route="/namespaces/:slug/spaces/:projectSlug",status="404"}',
  ]);
});

test('a request of a closed connection is no longer in flight', async (t) => {
  const service = await startMeasured(t);
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  const port = portOf(service.app.server.address());
  const read = async () => (await fetchInTime(`http://127.0.0.1:${port}/metrics`)).text();
  const socket = connect(port, '127.0.0.1');
  const arrived = once(service.app.server, 'request');
  const token = await signToken(SECRET, { subject: 'alice', expiresIn: '1 hour' });
  const head = [
    'POST /namespaces HTTP/1.1',
    'host: spaces',
    `authorization: Bearer ${token}`,
    'content-type: application/json',
    'content-length: 10',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n{`);
  await beforeDeadline('the request', arrived);
  t.same(samples(await read(), 'http_requests_in_flight'), { '': 2 });
  socket.destroy();
  await waitUntil(
    'the end of the aborted request',
    async () => samples(await read(), 'http_requests_in_flight')[''] === 1,
  );
  t.match(await read(), /route="\/namespaces",status="aborted"/);
});

test('/metrics is 404 without a registry, and each application counts in its own registry', async (t) => {
  const service = await startService(t);
  t.equal((await service.send({ method: 'GET', path: '/metrics' })).status, 404);
  const [one, two] = [await startMeasured(t), await startMeasured(t)];
  await one.send({ method: 'GET', path: '/livez' });
  t.match(await read(one), /livez/);
  t.notMatch(await read(two), /livez/);
});

test('the metrics port serves the metrics only, and the API port does not', async (t) => {
  const registry = new Registry();
  const service = await startService(t, { metrics: { registry, served: false } });
  const metrics = await buildMetricsApp(registry);
  t.teardown(() => metrics.close());
  await service.send({ method: 'GET', path: '/livez' });
  t.equal((await service.send({ method: 'GET', path: '/metrics' })).status, 404);
  t.match((await metrics.inject('/metrics')).body, /route="\/livez"/);
  t.equal((await metrics.inject('/namespaces')).statusCode, 404);
});

test('METRICS_PORT makes the process serve its metrics on the API port, on a port of their own, or not at all', async (t) => {
  const DATABASE_URL = await createDatabase(t);
  const start = async (METRICS_PORT: string) => {
    const env = {
      DATABASE_URL,
      JWT_SECRET: SECRET,
      METRICS_PORT,
      PORT: '0',
      MIGRATE_ON_START: 'false',
    };
    const server = startServer(t, env);
    const [, origin = ''] = await server.waitFor(/API {9}(http:\S+)/);
    // The log is written asynchronously.
    await server.waitFor(METRICS_PORT === '0' ? /listening[^]*listening/ : /listening/);
    const origins = server.output().match(/http:\/\/127\.0\.0\.1:\d+(?=")/g) ?? [];
    return { origin, other: origins.find((listening) => listening !== origin) };
  };
  const status = async (url: string) => (await fetchInTime(url)).status;

  const main = await start('');
  const answer = await fetchInTime(`${main.origin}/metrics`);
  const text = await answer.text();
  t.match(text, /^process_cpu_seconds_total /m);
  t.match(text, /^nodejs_eventloop_lag_p99_seconds /m);
  t.notMatch(text, process.version, 'no version of Node.js');
  t.equal(main.other, undefined);

  const apart = await start('0');
  t.equal(await status(`${apart.origin}/metrics`), 404);
  t.equal(await status(`${String(apart.other)}/metrics`), 200);

  const off = await start('off');
  t.equal(await status(`${off.origin}/metrics`), 404);
  t.equal(off.other, undefined);
});
