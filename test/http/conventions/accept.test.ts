import { Registry } from 'prom-client';
import { test } from 'tap';
import { acceptsJson, weights } from '../../../src/http/conventions/accept.js';
import { startService } from '../../helpers/app.js';
import { openDatabase } from '../../helpers/database.js';
import { operations } from '../../helpers/operations.js';
import { isProblem } from '../../helpers/problem.js';
import { members, seedNamespace } from '../../helpers/seed.js';

test('an Accept that includes JSON is accepted', (t) => {
  for (const accept of [
    undefined,
    '',
    '*/*',
    'application/json',
    'application/problem+json',
    'application/*',
    'APPLICATION/JSON',
    'application/json; charset=utf-8',
    'application/json;q=0.001',
    'application/json ; Q=1.0',
    'text/html, application/json;q=0.5',
    'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8',
    'application/json, text/plain, */*',
    'text/html;q=0, */*',
    'text/*;q=0, application/*',
    '*/*;q=0, application/json',
    '*/*;q=0, application/problem+json',
    'application/*;q=0, application/json;q=0.1',
    'application/json;q=0, application/problem+json',
    'text/html;a="b,c;q=0", application/json',
    'application/json;q=0, application/json;version=1',
    ', ,',
  ]) {
    t.ok(acceptsJson(accept), accept ?? 'none');
  }
  t.end();
});

test('an Accept that excludes JSON is rejected', (t) => {
  for (const accept of [
    'text/html',
    'application/xml',
    'application/yaml, text/plain;q=0.5',
    'text/*',
    'application/json;q=0',
    'application/json;q=0.000, */*',
    'application/*;q=0, */*',
    '*/*;q=0',
    'application/problem+json;q=0',
    'json',
    'application/jsonx',
    'text/html;a=", application/json"',
    'text/html;a=", application/json',
  ]) {
    t.notOk(acceptsJson(accept), accept);
  }
  t.end();
});

test('an invalid weight is 0, and the greatest of several applies', (t) => {
  t.same(
    [...weights('a;q=x, b;q=, c;q=0.5, C;q=0.7, d')],
    [
      ['a', 0],
      ['b', 0],
      ['c', 0.7],
      ['d', 1],
    ],
  );
  t.end();
});

const html = { accept: 'text/html' };

test('every operation is 406 for an unacceptable media type, and has no effect', async (t) => {
  const service = await startService(t);
  await seedNamespace(service, 'acme');
  const owner = await service.as(members.owner);
  for (const { title, request } of operations) {
    const asked = request('acme');
    const headers = { ...asked.headers, ...html };
    const answer = await owner.send({ ...asked, headers });
    isProblem(t, answer, 'not_acceptable', title);
  }
  for (const { title, status, request } of operations.filter(({ id }) => /^(list|get)/.test(id))) {
    t.equal((await owner.send(request('acme'))).status, status, `${title}: unchanged`);
  }
});

test('406 follows 401 and 403, and precedes the body and the database', async (t) => {
  const url = 'postgres://nobody@127.0.0.1:1/none';
  const db = openDatabase(t, url, { poolMax: 1 });
  const service = await startService(t, { db, databaseUrl: url });
  const post = { method: 'POST', path: '/namespaces', body: '{', headers: html } as const;
  isProblem(t, await service.send(post), 'token_missing');
  const reader = await service.as('alice', 'spaces:read');
  isProblem(t, await reader.send(post), 'insufficient_scope');
  const alice = await service.as('alice');
  isProblem(t, await alice.send(post), 'not_acceptable');
  isProblem(t, await alice.send({ ...post, headers: {} }), 'malformed_body');
});

test('a resource with one media type ignores Accept', async (t) => {
  const service = await startService(t, { metrics: { registry: new Registry(), served: true } });
  const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
  const prometheus =
    'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.1';
  for (const path of ['/docs/', '/openapi.json', '/openapi.yaml', '/metrics', '/livez']) {
    for (const accept of [browser, prometheus, 'text/html', 'text/plain', 'application/yaml']) {
      const { status } = await service.send({ method: 'GET', path, headers: { accept } });
      t.equal(status, 200, `${path} for ${accept}`);
    }
  }
});
