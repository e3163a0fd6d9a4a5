import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'tap';
import { signToken } from '../../src/development/token.js';
import { SECRET, startService } from '../helpers/app.js';
import { launchBrowser } from '../helpers/browser.js';
import { portOf } from '../helpers/issuer.js';

test('a page of an allowed origin can use the service, a page of another origin cannot', async (t) => {
  const browser = await launchBrowser(t);
  if (!browser) return;
  const pages = createServer((_request, response) => {
    response.setHeader('content-type', 'text/html').end('<!doctype html><title>A page</title>');
  }).listen(0, '127.0.0.1');
  await once(pages, 'listening');
  t.teardown(() => pages.close());
  const port = portOf(pages.address());
  const service = await startService(t, { corsOrigins: [`http://app.test:${port}`] });
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  const api = `http://api.test:${portOf(service.app.server.address())}`;
  const token = await signToken(SECRET, { subject: 'alice', expiresIn: '1 hour' });

  const page = await browser.newPage();
  const call = (method: string, path: string, headers: Record<string, string>, body?: string) =>
    page.evaluate(
      async ({ url, body, ...init }) => {
        const answer = await fetch(url, { ...init, ...(body !== undefined && { body }) });
        const headers = Object.fromEntries(answer.headers);
        return { status: answer.status, headers, text: await answer.text() };
      },
      { url: api + path, method, headers: { authorization: `Bearer ${token}`, ...headers }, body },
    );

  await page.goto(`http://app.test:${port}/`);
  const json = { 'content-type': 'application/json', 'idempotency-key': 'one' };
  const created = await call('POST', '/namespaces', json, '{"slug":"acme"}');
  t.match(created, {
    status: 201,
    headers: { etag: /^"/, location: '/namespaces/acme', 'x-request-id': /./ },
  });
  const replayed = await call('POST', '/namespaces', json, '{"slug":"acme"}');
  t.match(replayed, { status: 201, headers: { 'idempotent-replayed': 'true' } });
  const etag = String(created.headers['etag']);
  const patched = await call(
    'PATCH',
    '/namespaces/acme',
    { ...json, 'if-match': etag },
    '{"name":"A"}',
  );
  t.equal(patched.status, 200);
  t.equal((await call('DELETE', '/namespaces/acme', { 'if-match': '"other"' })).status, 412);
  t.match(await call('GET', '/namespaces/none', {}), { status: 404, text: /namespace_not_found/ });
  t.match(await call('GET', '/namespaces', { authorization: '' }), { status: 401 });

  await page.goto(`http://other.test:${port}/`);
  await t.rejects(call('GET', '/namespaces', {}), /Failed to fetch/);
});
