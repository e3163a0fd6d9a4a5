import { sql } from 'drizzle-orm';
import { test } from 'tap';
import { problems } from '../../../src/errors.js';
import { type Answer, startService } from '../../helpers/app.js';
import { movableClock } from '../../helpers/clock.js';
import { openDatabase } from '../../helpers/database.js';
import { pick } from '../../helpers/json.js';
import { memoryLogger } from '../../helpers/logger.js';
import { operations } from '../../helpers/operations.js';
import { isProblem } from '../../helpers/problem.js';
import { members, seedNamespace } from '../../helpers/seed.js';
import { waitUntil } from '../../helpers/wait.js';

test('every code is listed in the OpenAPI document', async (t) => {
  const { send } = await startService(t);
  const { text, json } = await send({ method: 'GET', path: '/openapi.json' });
  for (const code of Object.keys(problems)) t.ok(text.includes(`\`${code}\``), code);
  t.same(pick(json, 'components', 'schemas', 'ProblemCode', 'enum'), Object.keys(problems));
});

test('an unknown path is 404, and the instance of the problem has no query', async (t) => {
  const { send } = await startService(t);
  for (const [method, path] of [
    ['GET', '/nowhere?q=1'],
    ['GET', '/nothing'],
    ['PUT', '/namespace'],
    ['DELETE', '/namespaces/acme/rooms'],
  ] as const) {
    const answer = await send({ method, path });
    isProblem(t, answer, 'route_not_found', `${method} ${path}`);
    t.equal(pick(answer.json, 'instance'), path.split('?')[0], 'instance');
  }
});

test('an undecodable path gets a problem with the request id', async (t) => {
  const { send } = await startService(t);
  for (const path of ['/%zz', '/namespaces/%E0%A4%A', '/namespaces/acme/spaces/%ff']) {
    const answer = await send({ method: 'GET', path, headers: { 'x-request-id': 'mine' } });
    isProblem(t, answer, 'malformed_request', path);
    t.equal(answer.headers['x-request-id'], 'mine', path);
  }
});

test('an unexpected error is 500 without details; the log has its request id and no data', async (t) => {
  const { logger, text } = memoryLogger();
  const { as, db } = await startService(t, { logger });
  const alice = await as('alice');
  await alice.post('/namespaces', { slug: 'small' });
  await db.execute(sql`alter table spaces drop column metadata`);

  const answer = await alice.send({
    method: 'POST',
    path: '/namespaces/small/spaces',
    body: { name: 'A name that is private' },
    headers: { 'x-request-id': 'the-failing-one' },
  });
  isProblem(t, answer, 'internal_error');
  t.match(answer.json, { instance: '/namespaces/small/spaces' });
  t.notMatch(answer.text, /select|insert|metadata|column|\.ts|\.js|at /i);

  t.match(text(), /"reqId":"the-failing-one".*"sqlState":"42703"/);
  t.notMatch(text(), /A name that is private/);
  t.notMatch(text(), /eyJ/, 'no token');
});

test('no operation reveals details of an unexpected error', async (t) => {
  const { logger, text } = memoryLogger();
  const service = await startService(t, { logger });
  await seedNamespace(service, 'acme');
  const owner = await service.as(members.owner);
  await service.db.execute(sql`alter table namespaces rename column slug to hidden`);
  await service.db.execute(sql`alter table members rename column subject to hidden`);
  for (const { title, request } of operations) {
    const answer = await owner.send(request('acme'));
    isProblem(t, answer, 'internal_error', title);
    t.notMatch(answer.text, /select|insert|hidden|column|relation|\/src\/|node_modules/i, title);
    const id = String(answer.headers['x-request-id']);
    const line = text()
      .split('\n')
      .find((each) => each.includes(id) && each.includes('"err"'));
    t.match(line, /"sqlState":"42703"/, `${title}: the log has the failure under the same id`);
  }
});

test('every operation is 503 with Retry-After while the database is unreachable', async (t) => {
  const url = 'postgres://nobody@127.0.0.1:1/none';
  const db = openDatabase(t, url, { poolMax: 1 });
  const { as, send } = await startService(t, { db, databaseUrl: url });
  const alice = await as('alice');
  const calls = operations.map(
    ({ request }) =>
      () =>
        alice.send(request('acme')),
  );
  for (const call of [...calls, () => send({ method: 'GET', path: '/readyz' })]) {
    const answer = await call();
    const title = String(pick(answer.json, 'instance'));
    isProblem(t, answer, 'unavailable', title);
    t.match(answer.headers['retry-after'], /^\d+$/, title);
    t.notMatch(answer.text, /127\.0\.0\.1|ECONNREFUSED|nobody/, title);
  }
});

test('an outage is logged with its cause for each request, and with a stack once a second', async (t) => {
  const advance = movableClock(t);
  const { logger, lines } = memoryLogger();
  const url = 'postgres://nobody@127.0.0.1:1/none';
  const db = openDatabase(t, url, { poolMax: 1 });
  const { as } = await startService(t, { db, databaseUrl: url, logger });
  const alice = await as('alice');
  const errors = () => lines().filter((line) => pick(line, 'level') === 50);
  const stacks = () => errors().filter((line) => pick(line, 'err', 'stack') !== undefined).length;
  const since = performance.now();
  for (let count = 0; count < 10; count += 1) await alice.get('/namespaces/acme');
  const seconds = Math.floor((performance.now() - since) / 1000);
  t.ok(stacks() >= 1 && stacks() <= 1 + seconds, `${stacks()} stacks in ${seconds} s`);
  t.equal(errors().length, 10);
  for (const line of errors()) {
    t.match(line, {
      msg: 'unavailable',
      err: { type: 'Failure', cause: { message: /ECONNREFUSED/ } },
    });
  }
  const before = stacks();
  advance(1000);
  await alice.get('/namespaces/acme');
  t.equal(stacks(), before + 1, 'a second later');
});

test('connections that PostgreSQL ends are replaced, and requests are only 503 until then', async (t) => {
  const service = await startService(t);
  const admin = openDatabase(t, service.databaseUrl, { poolMax: 1 });
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'acme' });
  await admin.execute(sql`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()`);
  const statuses = new Set<number>();
  await waitUntil('a request that succeeds', async () => {
    const { status } = await alice.get('/namespaces/acme');
    statuses.add(status);
    return status === 200;
  });
  statuses.delete(503);
  t.same([...statuses], [200]);
});

test('a statement that takes too long is 503', async (t) => {
  const service = await startService(t);
  const db = openDatabase(t, service.databaseUrl, { poolMax: 1, statementTimeoutMs: 200 });
  const { as } = await startService(t, { db, databaseUrl: service.databaseUrl });
  const alice = await as('alice');
  await service.db.transaction(async (lock) => {
    await lock.execute(sql`lock table namespaces in access exclusive mode`);
    const answer = await alice.post('/namespaces', { slug: 'small' });
    isProblem(t, answer, 'unavailable');
    t.match(answer.json, { detail: /did not respond in time/ });
  });
});

test('a valid X-Request-Id is echoed, an invalid one replaced', async (t) => {
  const { send } = await startService(t);
  const idFor = async (id?: string) => {
    const headers = id === undefined ? {} : { 'x-request-id': id };
    return (await send({ method: 'GET', path: '/livez', headers })).headers['x-request-id'];
  };
  for (const plain of ['trace-1.2:3', 'a', 'Root=1-67891233-abcdef0/x+y=', 'x'.repeat(128)]) {
    t.equal(await idFor(plain), plain, plain);
  }
  const hostile = [
    '',
    'two words',
    'x'.repeat(129),
    '<script>',
    '"',
    'a;b',
    'a,b',
    'a\tb',
    'ü',
    '{}',
  ];
  for (const id of [undefined, ...hostile])
    t.match(await idFor(id), /^[0-9a-f-]{36}$/, id ?? 'none');
  t.not(await idFor(), await idFor(), 'each request has its own id');
});

test('a problem is indented, and its detail names the next step', async (t) => {
  const service = await startService(t);
  await seedNamespace(service, 'acme');
  const { send } = service;
  const owner = await service.as(members.owner);
  const viewer = await service.as(members.viewer);
  const space = '/namespaces/acme/projects/lab';
  const key = { 'idempotency-key': 'twice' };
  await owner.send({ method: 'POST', path: '/namespaces', body: { slug: 'a' }, headers: key });
  const answers: [answer: Answer, detail: string][] = [
    [await send({ method: 'GET', path: '/nowhere' }), 'Compare it with the operations at /docs.'],
    [await send({ method: 'PUT', path: '/namespaces' }), 'Use one of: GET, HEAD, POST.'],
    [
      await send({ method: 'GET', path: '/namespaces' }),
      'Send the header Authorization: Bearer <token>.',
    ],
    [await owner.get('/namespaces/none'), 'GET /namespaces lists yours.'],
    [await owner.get(`${space}s`), 'List its spaces, or restore a deleted one.'],
    [
      await owner.delete('/namespaces/acme/members/nobody'),
      'List its members to find the subject.',
    ],
    [
      await viewer.delete(space),
      'The operation requires the role "editor" in the namespace; yours is "viewer". Ask an owner of the namespace for the role.',
    ],
    [
      await owner.delete(`/namespaces/acme/members/${members.owner}`),
      'Give another member the role "owner" first.',
    ],
    [
      await owner.post('/namespaces', '{'),
      'Check its quotes, commas and braces; keys such as __proto__ are not allowed.',
    ],
    [await owner.post('/namespaces', Buffer.from([0xff])), 'Send JSON in UTF-8.'],
    [
      await owner.post('/namespaces', 'x'.repeat(70_000)),
      'Send a smaller one, or several requests.',
    ],
    [await owner.mergePatch('/namespaces', {}), 'Use one of: GET, HEAD, POST.'],
    [await owner.post('/namespaces', { slug: 'acme' }), 'Choose another "slug".'],
    [
      await owner.post('/namespaces', { slug: 'A b' }),
      'In the body: /slug must consist of a-z, 0-9, dots, underscores and hyphens, and begin with a letter or a digit.',
    ],
    [
      await owner.post('/namespaces', { slug: 'x', nome: 'x' }),
      'In the body: /nome is not a known field: remove it.',
    ],
    [
      await owner.put('/namespaces/acme/members/bob', { role: 'boss' }),
      'In the body: /role must be one of: viewer, editor, owner.',
    ],
    [
      await owner.send({
        method: 'PATCH',
        path: space,
        body: {},
        headers: { 'if-match': 'abc-1' },
      }),
      'In the headers: /if-match must be *, or ETags as the service sent them, including the quotes.',
    ],
    [
      await owner.send({ method: 'DELETE', path: space, headers: { 'if-match': '"abc-1"' } }),
      'Get the resource, and retry with its current ETag.',
    ],
    [
      await owner.send({
        method: 'POST',
        path: '/namespaces',
        body: { slug: 'c' },
        headers: { 'idempotency-key': 'a b' },
      }),
      'must consist of visible ASCII characters, for example a UUID',
    ],
    [
      await owner.send({ method: 'POST', path: '/namespaces', body: { slug: 'b' }, headers: key }),
      'Use a new key for each new request.',
    ],
    [
      await owner.send({ method: 'GET', path: '/namespaces', headers: { accept: 'text/html' } }),
      'Send Accept: application/json, or omit the header.',
    ],
    [
      await owner.send({
        method: 'POST',
        path: '/namespaces',
        body: 'a=b',
        headers: { 'content-type': 'text/plain' },
      }),
      'Send application/json; PATCH also accepts application/merge-patch+json.',
    ],
  ];
  for (const [{ text, json }, detail] of answers) {
    const actual = String(pick(json, 'detail'));
    t.ok(actual.includes(detail), actual);
    t.match(actual, /^["A-Z].*\.$/, actual);
    t.equal(text, `${JSON.stringify(json, null, 2)}\n`, actual);
  }
});
