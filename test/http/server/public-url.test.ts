import { test } from 'tap';
import { startService } from '../../helpers/app.js';
import { fetchInTime } from '../../helpers/fetch.js';
import { pick, pickString } from '../../helpers/json.js';
import { startPrefixProxy } from '../../helpers/prefix-proxy.js';

test('every URL in a response includes the prefix that a proxy strips', async (t) => {
  let port = 0;
  const origin = `http://127.0.0.1:${await startPrefixProxy(t, () => port)}`;
  const service = await startService(t, { publicUrl: new URL(`${origin}/api/`) });
  const { authorization } = await service.as('owner');
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  port = Number(new URL(service.app.listeningOrigin).port);

  const call = (method: string, path: string, body?: object) =>
    fetchInTime(new URL(path, origin), {
      method,
      redirect: 'manual',
      headers: { authorization, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
  const located = async (answer: Response) => {
    const location = answer.headers.get('location') ?? '';
    t.match(location, /^\/api\//);
    return call('GET', location);
  };

  const namespace = await call('POST', '/api/namespaces', { slug: 'old' });
  t.equal(pick(await (await located(namespace)).json(), 'slug'), 'old');
  await call('PATCH', '/api/namespaces/old', { slug: 'new' });
  const moved = await call('GET', '/api/namespaces/old');
  t.equal(moved.status, 308);
  t.equal((await located(moved)).status, 200);

  for (const name of ['a', 'b', 'c']) {
    const space = await call('POST', '/api/namespaces/new/spaces', { name });
    t.equal(pick(await (await located(space)).json(), 'name'), name, name);
  }
  const ensured = await call('PUT', '/api/namespaces/new/projects/d', { name: 'd' });
  t.equal((await located(ensured)).status, 200);

  const list = await call('GET', '/api/namespaces/new/spaces?page=2&pageSize=1');
  const links = [...(list.headers.get('link') ?? '').matchAll(/<([^>]*)>; rel="(\w+)"/g)];
  t.same(
    links.map(([, , rel]) => rel),
    ['first', 'prev', 'next', 'last'],
  );
  for (const [, address = ''] of links) t.equal((await call('GET', address)).status, 200, address);

  const missing = await call('GET', '/api/namespaces/new/projects/none');
  t.equal(pickString(await missing.json(), 'instance'), '/api/namespaces/new/projects/none');
  const unrouted = await call('GET', '/api/none');
  t.equal(pickString(await unrouted.json(), 'instance'), '/api/none');

  const home = await fetchInTime(`${origin}/api/`, { headers: { accept: 'text/html' } });
  t.equal(home.url, `${origin}/api/docs`);
  const document: unknown = await (await fetchInTime(`${origin}/api/openapi.json`)).json();
  t.equal(pickString(document, 'servers', 0, 'url'), `${origin}/api`);
});
