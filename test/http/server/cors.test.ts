import { test } from 'tap';
import { startService } from '../../helpers/app.js';
import { openDatabase } from '../../helpers/database.js';
import { operations } from '../../helpers/operations.js';
import { isProblem } from '../../helpers/problem.js';
import { members, seedNamespace } from '../../helpers/seed.js';

const APP = 'https://app.example';
const corsOrigins = [APP, 'http://localhost:5173'];

/** The headers of a browser's preflight. */
const preflight = (origin: string) => ({
  origin,
  'access-control-request-method': 'PATCH',
  'access-control-request-headers': 'authorization,content-type,if-match',
});

/** An unreachable database. */
const url = 'postgres://nobody@127.0.0.1:1/none';

test('no other origin is allowed without configuration', async (t) => {
  const service = await startService(t);
  for (const method of ['GET', 'OPTIONS'] as const) {
    const { headers } = await service.send({ method, path: '/livez', headers: preflight(APP) });
    t.notOk(
      Object.keys(headers).some((name) => name.startsWith('access-control')),
      method,
    );
    t.notOk('vary' in headers, method);
  }
});

test('an allowed origin may send the headers of tracers and error trackers', async (t) => {
  const { send } = await startService(t, { corsOrigins: [APP] });
  for (const [asked, allowed] of [
    ['authorization, baggage, sentry-trace', /baggage, sentry-trace$/],
    ['baggage\r\nx: y', /x-request-id$/],
    ['', /x-request-id$/],
  ] as const) {
    const headers = { ...preflight(APP), 'access-control-request-headers': asked };
    const answer = await send({ method: 'OPTIONS', path: '/namespaces', headers });
    t.equal(answer.status, 204, JSON.stringify(asked));
    t.match(answer.headers['access-control-allow-headers'], allowed, JSON.stringify(asked));
  }
});

test('a preflight is answered without a token and without the database', async (t) => {
  const db = openDatabase(t, url, { poolMax: 1 });
  const service = await startService(t, { db, databaseUrl: url, corsOrigins });
  for (const { title, request } of operations) {
    const { path } = request('acme');
    const headers = preflight(APP);
    const answer = await service.send({ method: 'OPTIONS', path, headers });
    t.equal(answer.status, 204, title);
    t.match(
      answer.headers,
      {
        'access-control-allow-origin': APP,
        'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
        'access-control-allow-headers': /authorization.*content-type.*idempotency-key.*if-match/,
        'access-control-max-age': '7200',
        vary: 'origin',
      },
      title,
    );
    t.notOk('access-control-allow-credentials' in answer.headers, 'credentials are not allowed');
  }
});

test('an allowed origin may read every response and its headers', async (t) => {
  const service = await startService(t, { corsOrigins, rateLimit: { max: 100, redisUrl: null } });
  await seedNamespace(service, 'acme');
  const owner = await service.as(members.owner);
  const headers = { origin: APP };
  const answers = {
    success: await owner.send({ method: 'GET', path: '/namespaces/acme', headers }),
    'no token': await service.send({ method: 'GET', path: '/namespaces', headers }),
    'no namespace': await owner.send({ method: 'GET', path: '/namespaces/none', headers }),
    'no path': await owner.send({ method: 'GET', path: '/none', headers }),
    'a broken URL': await owner.send({ method: 'GET', path: '/namespaces/%zz', headers }),
    'a broken query': await owner.send({ method: 'GET', path: '/namespaces?q=%E9', headers }),
    'no such method': await owner.send({ method: 'PUT', path: '/namespaces', headers }),
    'the document': await owner.send({ method: 'GET', path: '/openapi.json', headers }),
    'a file': await owner.send({ method: 'GET', path: '/docs/static/index.css', headers }),
  };
  for (const [title, answer] of Object.entries(answers)) {
    t.match(answer.headers, { 'access-control-allow-origin': APP, vary: 'origin' }, title);
    const exposed = String(answer.headers['access-control-expose-headers']).split(', ');
    for (const name of [
      'etag',
      'location',
      'retry-after',
      'idempotent-replayed',
      'link',
      'ratelimit-limit',
      'ratelimit-remaining',
      'ratelimit-reset',
      'x-request-id',
    ]) {
      t.ok(exposed.includes(name), `${title}: ${name}`);
    }
  }
});

test('an allowed origin may read a 503', async (t) => {
  const db = openDatabase(t, url, { poolMax: 1 });
  const service = await startService(t, { db, databaseUrl: url, corsOrigins, queueMax: 0 });
  const alice = await service.as('alice');
  const request = { method: 'GET', path: '/namespaces', headers: { origin: APP } } as const;
  // Four requests at a time wait for the unreachable database.
  const answers = await Promise.all(Array.from({ length: 5 }, () => alice.send(request)));
  const rejected = answers.filter(({ text }) => text.includes('overloaded'));
  t.equal(rejected.length, 1);
  for (const answer of answers) {
    isProblem(t, answer, rejected.includes(answer) ? 'overloaded' : 'unavailable');
    t.equal(answer.headers['access-control-allow-origin'], APP);
  }
});

test('another origin is not allowed, and Vary names Origin', async (t) => {
  const service = await startService(t, { corsOrigins });
  for (const origin of [
    'https://app.example.evil',
    'http://app.example',
    'null',
    'https://APP.example',
    `${APP}, ${APP}`,
  ]) {
    for (const method of ['GET', 'OPTIONS'] as const) {
      const headers = preflight(origin);
      const answer = await service.send({ method, path: '/livez', headers });
      t.notOk('access-control-allow-origin' in answer.headers, origin);
      t.equal(answer.headers['vary'], 'origin', origin);
    }
  }
  const { headers } = await service.send({ method: 'GET', path: '/livez' });
  t.equal(headers['vary'], 'origin', 'without an Origin header');
});

test('* allows every origin, and Vary does not name Origin', async (t) => {
  const service = await startService(t, { corsOrigins: ['*'] });
  for (const headers of [{ origin: 'https://any.example' }, {}]) {
    const answer = await service.send({ method: 'GET', path: '/livez', headers });
    const title = JSON.stringify(headers);
    t.equal(answer.headers['access-control-allow-origin'], '*', title);
    t.notOk('vary' in answer.headers, title);
  }
});

test('a preflight for an unknown path is 404', async (t) => {
  const service = await startService(t, { corsOrigins });
  const headers = preflight(APP);
  const answer = await service.send({ method: 'OPTIONS', path: '/nowhere', headers });
  isProblem(t, answer, 'route_not_found');
});
