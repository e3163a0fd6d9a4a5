import { test } from 'tap';
import { startService } from '../../helpers/app.js';
import { operations } from '../../helpers/operations.js';
import { members, seedNamespace } from '../../helpers/seed.js';

const expected = {
  'cache-control': 'private, no-cache',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

test('every response has the security headers and no Server header', async (t) => {
  const service = await startService(t);
  const owner = await service.as(members.owner);
  const answers = {
    'no token': await service.send({ method: 'GET', path: '/namespaces' }),
    'unknown path': await service.send({ method: 'GET', path: '/nowhere' }),
    'undecodable path': await service.send({ method: 'GET', path: '/namespaces/%zz' }),
    'not JSON': await owner.post('/namespaces', '{'),
    health: await service.send({ method: 'GET', path: '/livez' }),
    'unsupported method': await service.send({ method: 'PUT', path: '/namespaces' }),
    options: await service.send({ method: 'OPTIONS', path: '/namespaces' }),
  };
  for (const [index, { title, request }] of operations.entries()) {
    await seedNamespace(service, `team-${index}`);
    Object.assign(answers, { [title]: await owner.send(request(`team-${index}`)) });
  }
  for (const [title, { headers }] of Object.entries(answers)) {
    t.match(headers, expected, title);
    for (const banner of ['server', 'x-powered-by', 'via']) t.notOk(banner in headers, title);
  }
});

test('public responses are cacheable and revalidated by their ETag', async (t) => {
  const service = await startService(t);
  for (const path of [
    '/openapi.json',
    '/openapi-3.0.json',
    '/openapi.yaml',
    '/docs/static/swagger-ui.css',
  ]) {
    const first = await service.send({ method: 'GET', path });
    t.match(first.headers, { 'cache-control': 'public, no-cache' }, path);
    const etag = String(first.headers['etag']);
    const headers = { 'if-none-match': etag };
    const again = await service.send({ method: 'GET', path, headers });
    t.match(again, { status: 304, text: '', headers: { etag } }, path);
    const other = { 'if-none-match': 'W/"other"' };
    t.equal((await service.send({ method: 'GET', path, headers: other })).status, 200, path);
  }
});

test('Swagger UI has its own Content-Security-Policy, and X-Content-Type-Options', async (t) => {
  const service = await startService(t);
  const { headers } = await service.send({ method: 'GET', path: '/docs/' });
  t.match(headers['content-security-policy'], /default-src 'self'/);
  t.equal(headers['x-content-type-options'], 'nosniff');
});
