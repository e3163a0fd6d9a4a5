import { once } from 'node:events';
import { connect } from 'node:net';
import { type Test, test } from 'tap';
import { startService } from '../../helpers/app.js';
import { portOf } from '../../helpers/issuer.js';
import { isProblem } from '../../helpers/problem.js';
import { beforeDeadline } from '../../helpers/wait.js';

test('links keep every query parameter of the list, byte for byte', async (t) => {
  const service = await startService(t);
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'team' });
  for (let n = 0; n < 3; n += 1) {
    await alice.post('/namespaces/team/spaces', { name: `what?& ${n}`, tags: ['x'] });
  }
  for (const query of ['q=what?&tag=x', 'q=what%3F%26&tag=x', 'q=what?%26+&tag=x', 'tag=x&q=?']) {
    const path = `/namespaces/team/spaces?${query}&pageSize=1`;
    const { headers, status } = await alice.get(path);
    t.equal(status, 200, path);
    const [, next = ''] = /<([^>]*)>; rel="next"/.exec(String(headers['link'])) ?? [];
    const asked = new URL(path, 'http://host').searchParams;
    asked.append('page', '2');
    const linked = new URL(next, 'http://host').searchParams;
    t.strictSame([...linked].sort(), [...asked].sort(), query);
  }
});

test('an undecodable query string is 400, on routes with and without a token', async (t) => {
  const service = await startService(t);
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'team' });
  for (const path of [
    '/namespaces',
    '/namespaces/team/spaces',
    '/namespaces/team/members',
    '/livez',
  ]) {
    for (const query of ['q=caf%E9', 'q=%', 'q=%zz', 'x=%ff%fe', 'q=%ED%A0%80', '%C0%AF=1']) {
      isProblem(t, await alice.get(`${path}?${query}`), 'malformed_request', `${path}?${query}`);
    }
  }
});

/** @returns a function that sends a request target as it is, and returns the response as text */
async function startSender(t: Test) {
  const service = await startService(t);
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'team' });
  for (const name of ['One', 'Two']) await alice.post('/namespaces/team/spaces', { name });
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  const port = portOf(service.app.server.address());
  return async (target: string, method = 'GET'): Promise<string> => {
    const socket = connect(port, '127.0.0.1');
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.write(
      Buffer.from(
        `${method} ${target} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n` +
          `Authorization: ${alice.authorization}\r\n\r\n`,
        'latin1',
      ),
    );
    await beforeDeadline('the server to close a connection', once(socket, 'close'));
    return Buffer.concat(chunks).toString('latin1');
  };
}

test('absolute form is answered as origin form, and the response does not contain its host', async (t) => {
  const send = await startSender(t);
  const path = '/namespaces/team/spaces?pageSize=1';
  const absolute = await send(`http://evil.example${path}`);
  t.match(absolute, /^HTTP\/1\.1 200 /);
  t.notMatch(absolute, /evil/, 'not in Link');
  t.match(absolute, `<${path.replace('?', '?page=2&')}>; rel="next"`);
  const missing = await send('http://evil.example/nothing');
  t.match(missing, /^HTTP\/1\.1 404 /);
  t.notMatch(missing, /evil/, 'not in instance');
});

test('a fragment, GET * and bytes that are not percent-encoded are 400; OPTIONS * is 204', async (t) => {
  const send = await startSender(t);
  t.match(await send('/livez#x'), /^HTTP\/1\.1 400 /, 'a fragment');
  t.match(await send('*', 'OPTIONS'), /^HTTP\/1\.1 204 [^]*allow: GET, HEAD, POST/i, 'OPTIONS *');
  t.match(await send('*', 'GET'), /^HTTP\/1\.1 400 /, 'GET *');
  t.match(
    await send('/namespaces/team/spaces?q=caf\xe9'),
    /^HTTP\/1\.1 400 /,
    'bytes that are not percent-encoded',
  );
});

test('a body with a Content-Encoding other than identity is 415 with Accept-Encoding, for every method', async (t) => {
  const service = await startService(t);
  const alice = await service.as('alice');
  for (const [method, path] of [
    ['POST', '/namespaces'],
    ['PATCH', '/namespaces/x'],
    ['PUT', '/namespaces/x/members/y'],
    ['POST', '/namespaces/x/spaces'],
    ['DELETE', '/namespaces/x'],
  ] as const) {
    for (const coding of ['gzip', 'br', 'deflate', 'identity, gzip', 'x']) {
      const headers = { 'content-encoding': coding };
      const answer = await alice.send({ method, path, body: { slug: 'a' }, headers });
      const title = `${method} ${path}, ${coding}`;
      isProblem(t, answer, 'unsupported_media_type', title);
      t.equal(answer.headers['accept-encoding'], 'identity', title);
    }
  }
  const headers = { 'content-encoding': 'Identity' };
  const plain = await alice.send({
    method: 'POST',
    path: '/namespaces',
    body: { slug: 'a' },
    headers,
  });
  t.equal(plain.status, 201);
});
