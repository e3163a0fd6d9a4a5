import { Registry } from 'prom-client';
import { test } from 'tap';
import { buildMetricsApp } from '../../../src/app.js';
import { signToken } from '../../../src/development/token.js';
import { SECRET, type Send, startService } from '../../helpers/app.js';
import { openDatabase } from '../../helpers/database.js';
import { portOf } from '../../helpers/issuer.js';
import { operations } from '../../helpers/operations.js';
import { isProblem } from '../../helpers/problem.js';
import { rawConnection } from '../../helpers/raw.js';
import { members, seedNamespace } from '../../helpers/seed.js';

const COLLECTION = 'GET, HEAD, POST, OPTIONS';
const READ = 'GET, HEAD, OPTIONS';
const ITEM = 'GET, HEAD, PATCH, DELETE, OPTIONS';
const SPACE = 'GET, HEAD, PUT, PATCH, DELETE, OPTIONS';

/** Every kind of path, and its methods. */
const paths: Record<string, string> = {
  '/namespaces': COLLECTION,
  '/namespaces/acme': ITEM,
  '/namespaces/acme/restore': 'POST, OPTIONS',
  '/namespaces/acme/members': READ,
  '/namespaces/acme/members/bob': 'PUT, DELETE, OPTIONS',
  '/namespaces/acme/spaces': COLLECTION,
  '/namespaces/acme/projects?page=1': COLLECTION,
  '/namespaces/acme/spaces/lab': SPACE,
  '/namespaces/acme/projects/lab': SPACE,
  '/namespaces/acme/spaces/batch': `GET, HEAD, POST, ${SPACE.slice('GET, HEAD, '.length)}`,
  '/namespaces/n%61me/spaces/a%2Fb/restore': 'POST, OPTIONS',
  '/livez': READ,
  '/readyz': READ,
  '/metrics': READ,
  '/openapi.json': READ,
  '/docs': READ,
  '/docs/': READ,
  '/docs/static/swagger-ui.css': READ,
};

const measured = () => ({ metrics: { registry: new Registry(), served: true } });

/** An unreachable database. */
const url = 'postgres://nobody@127.0.0.1:1/none';

test('OPTIONS returns the methods of a path, without a token and without the database', async (t) => {
  const db = openDatabase(t, url, { poolMax: 1 });
  const service = await startService(t, { db, databaseUrl: url, ...measured() });
  for (const [path, allow] of Object.entries(paths)) {
    const answer = await service.send({ method: 'OPTIONS', path });
    t.equal(answer.status, 204, path);
    t.equal(answer.headers['allow'], allow, path);
    t.equal(answer.text, '', path);
  }
  for (const path of ['/nowhere', '/nothing/', '/namespaces/acme/rooms', '/docs/none']) {
    isProblem(t, await service.send({ method: 'OPTIONS', path }), 'route_not_found', path);
  }
});

test('an unsupported method is 405 with Allow, also with an unsupported body', async (t) => {
  const db = openDatabase(t, url, { poolMax: 1 });
  const service = await startService(t, { db, databaseUrl: url, ...measured() });
  const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
  for (const [path, allow] of Object.entries(paths)) {
    for (const method of methods.filter((name) => !allow.includes(name))) {
      const title = `${method} ${path}`;
      const answer = await service.send({ method, path });
      t.equal(answer.headers['allow'], allow, title);
      if (method === 'HEAD') t.equal(answer.status, 405, title);
      else isProblem(t, answer, 'method_not_allowed', title);
    }
  }
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const put: Send = { method: 'PUT', path: '/namespaces', body: 'name=x', headers: form };
  const answer = await service.send(put);
  isProblem(t, answer, 'method_not_allowed');
  t.match(answer.json, {
    detail: 'The path does not support PUT. Use one of: GET, HEAD, POST.',
    instance: '/namespaces',
  });
  isProblem(t, await service.send({ ...put, path: '/nowhere' }), 'route_not_found');
});

test('a missing file is 404 and not 405', async (t) => {
  const service = await startService(t);
  const answer = await service.send({ method: 'GET', path: '/docs/static/none.js' });
  isProblem(t, answer, 'route_not_found');
  t.notOk('allow' in answer.headers);
});

test('a method that no path supports is 405', async (t) => {
  const service = await startService(t);
  await service.app.listen({ port: 0 });
  for (const method of ['TRACE', 'PROPFIND', 'PURGE']) {
    const { write, closed } = await rawConnection(t, portOf(service.app.server.address()));
    write(`${method} /namespaces HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    const [answer] = await closed;
    t.match(answer, { status: 405, headers: { allow: COLLECTION } }, method);
  }
});

test('the metrics port answers 405 to an unsupported method, and 404 to an unknown path', async (t) => {
  const app = await buildMetricsApp(new Registry());
  t.teardown(() => app.close());
  const answer = await app.inject({ method: 'POST', url: '/metrics' });
  t.equal(answer.statusCode, 405);
  t.equal(answer.headers['allow'], READ);
  t.equal((await app.inject('/nowhere')).statusCode, 404);
});

/** Headers that differ between any two responses. */
const unique = ['date', 'x-request-id'];

const headersOf = ({ headers }: { headers: object }) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !unique.includes(name)));

test('HEAD returns the status and headers of GET, also for problems and 304', async (t) => {
  for (const compression of [false, true]) {
    const service = await startService(t, { ...measured(), compression });
    await seedNamespace(service, 'acme');
    const owner = await service.as(members.owner);
    const token = await signToken(SECRET, { subject: members.owner, expiresIn: '1 hour' });
    const large = { name: 'Large', description: 'x'.repeat(5000) };
    await owner.post('/namespaces/acme/spaces', large);
    const etag = String((await owner.get('/namespaces/acme/spaces/lab')).headers['etag']);
    const reads = operations
      .map(({ request }) => request('acme'))
      .filter(({ method }) => method === 'GET')
      .map(({ path }) => path);
    const documents = ['/openapi.json', '/openapi.yaml', '/docs/', '/docs/json', '/livez'];
    const statuses = new Set<number>();
    for (const [path, headers] of [
      ...[...reads, ...documents, '/docs/static/swagger-ui.css'].map((each) => [each, {}] as const),
      ['/docs', {}],
      ['/namespaces/acme/spaces/lab', { 'if-none-match': etag }],
      ['/namespaces/acme/spaces/none', {}],
      ['/namespaces/none', {}],
      ['/namespaces?page=0', {}],
      ['/namespaces', { authorization: 'Bearer x' }],
      ['/namespaces', { accept: 'text/html' }],
      ['/nowhere', {}],
    ] as const) {
      const given = { authorization: `Bearer ${token}`, 'accept-encoding': 'gzip', ...headers };
      const asked = { url: path, headers: given };
      const get = await service.app.inject({ method: 'GET', ...asked });
      const head = await service.app.inject({ method: 'HEAD', ...asked });
      t.equal(head.statusCode, get.statusCode, path);
      t.same(headersOf(head), headersOf(get), path);
      statuses.add(get.statusCode);
    }
    t.same([...statuses].sort(), [200, 304, 400, 401, 404, 406]);
  }
});

test('a response to HEAD has no body', async (t) => {
  const service = await startService(t);
  await service.app.listen({ port: 0 });
  for (const path of ['/livez', '/nowhere', '/namespaces', '/namespaces/acme/restore']) {
    const { socket, write, closed } = await rawConnection(t, portOf(service.app.server.address()));
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    write(`HEAD ${path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
    await closed;
    t.match(text, /content-length: [1-9]/, path);
    t.ok(text.endsWith('\r\n\r\n'), path);
  }
});
