import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'tap';
import { signToken } from '../../../src/development/token.js';
import { SECRET, startService } from '../../helpers/app.js';
import { portOf } from '../../helpers/issuer.js';
import { pick } from '../../helpers/json.js';
import { memoryLogger } from '../../helpers/logger.js';
import { operations } from '../../helpers/operations.js';
import { members, seedNamespace } from '../../helpers/seed.js';
import { beforeDeadline, waitUntil } from '../../helpers/wait.js';

test('each request is logged in one line, with its route, subject and outcome', async (t) => {
  const { logger, lines } = memoryLogger();
  const service = await startService(t, { logger });
  const alice = await service.as('alice');
  const headers = { 'x-request-id': 'mine' };
  await alice.send({ method: 'GET', path: '/namespaces/acme/spaces?page=2', headers });
  await service.send({ method: 'GET', path: '/nowhere' });
  await alice.get('/namespaces');
  t.match(lines(), [
    {
      level: 30,
      reqId: 'mine',
      method: 'GET',
      path: '/namespaces/acme/spaces',
      route: '/namespaces/:slug/spaces',
      status: 404,
      milliseconds: Number,
      subject: 'alice',
      namespace: 'acme',
      outcome: 'namespace_not_found',
    },
    { level: 30, method: 'GET', path: '/nowhere', status: 404, outcome: 'route_not_found' },
    { level: 30, route: '/namespaces', status: 200, subject: 'alice', outcome: 'ok' },
  ]);
  t.equal(lines().length, 3);
  t.equal(pick(lines(), 1, 'subject'), undefined, 'no subject without a token');
});

test('successful health checks are not logged', async (t) => {
  const { logger, lines } = memoryLogger();
  const service = await startService(t, { logger });
  await service.send({ method: 'GET', path: '/livez' });
  await service.send({ method: 'GET', path: '/readyz' });
  t.same(lines(), []);
});

test('no line contains a token or a part of one', async (t) => {
  const { logger, text, lines } = memoryLogger();
  const service = await startService(t, { logger });
  await seedNamespace(service, 'acme');
  const claims = { subject: members.owner, expiresIn: '1 hour' };
  const tokens = [
    await signToken(SECRET, claims),
    await signToken(`${SECRET} of another`, claims),
    await signToken(SECRET, { ...claims, expiresIn: '-1 hour' }),
    await signToken(SECRET, { ...claims, scope: '' }),
    'not-a-token-at-all',
  ];
  for (const token of tokens) {
    for (const scheme of ['Bearer ', 'bearer ', 'Basic ', 'Bearer  ', '']) {
      const headers = { authorization: `${scheme}${token}` };
      await service.send({ method: 'GET', path: '/namespaces/acme', headers });
    }
    const headers = { authorization: `Bearer ${token}`, cookie: `token=${token}` };
    await service.send({ method: 'GET', path: `/namespaces?access_token=${token}`, headers });
    await service.send({ method: 'POST', path: '/namespaces', body: { token }, headers });
    await service.send({ method: 'GET', path: `/nowhere?token=${token}` });
  }
  const owner = await service.as(members.owner);
  for (const { request } of operations) await owner.send(request('acme'));

  t.ok(lines().length > operations.length, 'there are lines');
  for (const token of tokens) {
    for (const part of token.split('.')) t.notOk(text().includes(part), 'no part of a token');
  }
  t.notMatch(text(), /authorization|cookie/i, 'no header that contains a token');
});

test('no line contains values of a request body', async (t) => {
  const { logger, text, lines } = memoryLogger();
  const service = await startService(t, { logger });
  await seedNamespace(service, 'acme');
  const owner = await service.as(members.owner);
  const secret = 'between-us';
  const metadata = { note: secret };
  for (const body of [
    { name: secret, slug: 'lab', metadata },
    { name: secret, slug: 'new', description: secret, tags: [secret], metadata },
    { name: 1, description: secret },
    { name: 'ok', unknown: secret },
    `{"name": "${secret}"`,
  ]) {
    await owner.post('/namespaces/acme/spaces', body);
    await owner.patch('/namespaces/acme/spaces/lab', body);
    await owner.mergePatch('/namespaces/acme', body);
  }
  t.ok(lines().length > 15, 'there are lines');
  t.notMatch(text(), secret);
});

test('a path cannot forge a line', async (t) => {
  const { logger, lines } = memoryLogger();
  const service = await startService(t, { logger });
  const path = '/nowhere/%0A%7B%22level%22:60%7D/"}\\n{"forged":true}';
  await service.send({ method: 'GET', path });
  t.equal(lines().length, 1);
  t.match(lines(), [{ level: 30, status: 404 }]);
});

test('an unexpected error is logged once, with its cause', async (t) => {
  const { logger, lines } = memoryLogger();
  const service = await startService(t, { logger });
  const alice = await service.as('alice');
  await service.db.execute('drop table spaces cascade');
  await alice.post('/namespaces', { slug: 'acme' });
  const before = lines().length;
  const headers = { 'x-request-id': 'failing' };
  await alice.send({ method: 'GET', path: '/namespaces/acme/spaces', headers });
  t.match(lines().slice(before), [
    { level: 50, reqId: 'failing', err: { sqlState: '42P01', message: /spaces/, stack: String } },
    { level: 30, reqId: 'failing', status: 500 },
  ]);
  t.equal(lines().length, before + 2);
});

test('a request of a closed connection is logged as aborted', async (t) => {
  const { logger, text } = memoryLogger();
  const service = await startService(t, { logger });
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  const port = portOf(service.app.server.address());
  const socket = connect(port, '127.0.0.1');
  const arrived = once(service.app.server, 'request');
  const token = await signToken(SECRET, { subject: 'alice', expiresIn: '1 hour' });
  const head = [
    'POST /namespaces/acme/spaces HTTP/1.1',
    'host: spaces',
    `authorization: Bearer ${token}`,
    'content-type: application/json',
    'content-length: 10',
  ];
  socket.write(`${head.join('\r\n')}\r\n\r\n{`);
  await beforeDeadline('the request', arrived);
  socket.destroy();
  await waitUntil('the line of the aborted request', () => text().includes('"not answered"'));
  t.match(text(), /"outcome":"aborted".*"namespace":"acme".*"not answered"/);
});
