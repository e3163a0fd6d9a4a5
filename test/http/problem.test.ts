import { Writable } from 'node:stream';
import { sql } from 'drizzle-orm';
import { pino } from 'pino';
import { test } from 'tap';
import { connect } from '../../src/db/client.js';
import { problems } from '../../src/errors.js';
import { serializeError } from '../../src/http/request-log.js';
import { startService } from '../helpers/app.js';

/** A logger, and what it has written. */
function memoryLogger() {
  let text = '';
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const logger = pino({ level: 'trace', serializers: { err: serializeError } }, stream);
  return { logger, text: () => text };
}

test('every code is listed in the OpenAPI document', async (t) => {
  const { send } = await startService(t);
  const { text } = await send({ method: 'GET', path: '/openapi.json' });
  for (const code of Object.keys(problems)) t.ok(text.includes(`\`${code}\``), code);
});

test('a path that no route answers is a problem, too', async (t) => {
  const { send } = await startService(t);
  const { status, headers, json } = await send({ method: 'GET', path: '/nowhere?q=1' });
  t.equal(status, 404);
  t.match(headers['content-type'], /^application\/problem\+json/);
  t.match(json, { code: 'route_not_found', status: 404, instance: '/nowhere' });
});

test('an unexpected failure is 500 and tells nothing; the log tells its id and no data', async (t) => {
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
  t.equal(answer.status, 500);
  t.match(answer.json, { code: 'internal_error', instance: '/namespaces/small/spaces' });
  t.notMatch(answer.text, /select|insert|metadata|column|\.ts|\.js|at /i);

  t.match(text(), /"reqId":"the-failing-one".*"sqlState":"42703"/);
  t.notMatch(text(), /A name that is private/);
  t.notMatch(text(), /eyJ/, 'no token');
});

test('a database that cannot be reached makes 503 with Retry-After', async (t) => {
  const url = 'postgres://nobody@127.0.0.1:1/none';
  const db = connect({ url, poolMax: 1, statementTimeoutMs: 1000, prepare: true });
  t.teardown(() => db.$client.end());
  const { as, send } = await startService(t, { db, databaseUrl: url });
  const alice = await as('alice');
  for (const answer of [
    await alice.get('/namespaces/small/spaces'),
    await alice.post('/namespaces/small/spaces', { name: 'One' }),
    await send({ method: 'GET', path: '/readyz' }),
  ]) {
    t.equal(answer.status, 503);
    t.match(answer.json, { code: 'unavailable' });
    t.match(answer.headers['retry-after'], /^\d+$/);
    t.notMatch(answer.text, /127\.0\.0\.1|ECONNREFUSED/);
  }
});

test('a statement that takes too long is 503', async (t) => {
  const service = await startService(t);
  const db = connect({
    url: service.databaseUrl,
    poolMax: 1,
    statementTimeoutMs: 200,
    prepare: true,
  });
  t.teardown(() => db.$client.end());
  const { as } = await startService(t, { db, databaseUrl: service.databaseUrl });
  const alice = await as('alice');
  await service.db.transaction(async (lock) => {
    await lock.execute(sql`lock table namespaces in access exclusive mode`);
    const answer = await alice.post('/namespaces', { slug: 'small' });
    t.equal(answer.status, 503);
    t.match(answer.json, { code: 'unavailable' });
  });
});

test('the id of a request is echoed when it is plain, and made otherwise', async (t) => {
  const { send } = await startService(t);
  const idFor = async (id?: string) => {
    const headers = id === undefined ? {} : { 'x-request-id': id };
    return (await send({ method: 'GET', path: '/livez', headers })).headers['x-request-id'];
  };
  t.equal(await idFor('trace-1.2:3'), 'trace-1.2:3');
  t.match(await idFor(), /^[0-9a-f-]{36}$/);
  t.match(await idFor('two words'), /^[0-9a-f-]{36}$/);
  t.match(await idFor('x'.repeat(129)), /^[0-9a-f-]{36}$/);
});
