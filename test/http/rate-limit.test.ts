import { createServer } from 'node:net';
import { test, type Test } from 'tap';
import { startService } from '../helpers/app.js';
import { createDatabase } from '../helpers/database.js';
import { portOf } from '../helpers/issuer.js';
import { isProblem } from '../helpers/problem.js';

/** As much of Redis as counts: scripts answer how often their key was counted, and for how long yet. */
async function startCounter(t: Test): Promise<{ url: string; counts: Map<string, number> }> {
  const counts = new Map<string, number>();
  const server = createServer((socket) => {
    let text = '';
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      text += bytes.toString();
      for (;;) {
        const command = /^\*(\d+)\r\n/.exec(text);
        if (!command) return;
        const words: string[] = [];
        let rest = text.slice(command[0].length);
        for (let n = Number(command[1]); n > 0; n -= 1) {
          const length = /^\$(\d+)\r\n/.exec(rest);
          if (!length || rest.length < length[0].length + Number(length[1]) + 2) return;
          words.push(rest.slice(length[0].length, length[0].length + Number(length[1])));
          rest = rest.slice(length[0].length + Number(length[1]) + 2);
        }
        text = rest;
        const [name = '', , , key = ''] = words;
        if (/^evalsha$/i.test(name)) {
          counts.set(key, (counts.get(key) ?? 0) + 1);
          socket.write(`*2\r\n:${counts.get(key) ?? 0}\r\n:30000\r\n`);
        } else {
          socket.write(/^info$/i.test(name) ? '$0\r\n\r\n' : '+OK\r\n');
        }
      }
    });
    t.teardown(() => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return { url: `redis://127.0.0.1:${portOf(server.address())}`, counts };
}

test('nothing is limited unless it is asked for', async (t) => {
  const alice = await (await startService(t)).as('alice');
  const { headers } = await alice.get('/namespaces');
  t.equal(headers['ratelimit-limit'], undefined);
});

test('a subject that sends too much is told when to come again; others are served', async (t) => {
  const service = await startService(t, { rateLimit: { max: 3, redisUrl: null } });
  const alice = await service.as('alice');
  const narrowed = await service.as('alice', 'namespaces:read');
  const bob = await service.as('bob');
  for (const left of [2, 1, 0]) {
    const { status, headers } = await alice.get('/namespaces');
    t.equal(status, 200);
    t.match(headers, { 'ratelimit-limit': '3', 'ratelimit-remaining': String(left) });
    t.match(String(headers['ratelimit-reset']), /^\d+$/);
  }
  for (const client of [alice, narrowed]) {
    const refused = await client.get('/namespaces');
    isProblem(t, refused, 'rate_limited', 'with each of its tokens');
    t.match(String(refused.headers['retry-after']), /^[1-9]\d*$/);
  }
  t.equal((await bob.get('/namespaces')).status, 200);
  t.equal((await service.send({ method: 'GET', path: '/readyz' })).status, 200);
  t.equal((await service.send({ method: 'GET', path: '/namespaces' })).status, 401);
});

test('replicas that share a Redis count together', async (t) => {
  const { url, counts } = await startCounter(t);
  const databaseUrl = await createDatabase(t);
  const rateLimit = { max: 3, redisUrl: url };
  const replicas = [
    await startService(t, { databaseUrl, rateLimit }),
    await startService(t, { databaseUrl, rateLimit }),
  ];
  const alices = await Promise.all(replicas.map((replica) => replica.as('alice')));
  // Until the connection is there nothing is counted.
  for (const alice of alices) {
    const before = counts.get('spaces:rate-limit:alice') ?? 0;
    while ((counts.get('spaces:rate-limit:alice') ?? 0) === before) await alice.get('/namespaces');
  }
  for (const alice of alices) await alice.get('/namespaces');
  for (const alice of alices) isProblem(t, await alice.get('/namespaces'), 'rate_limited');
});

test('while Redis cannot be reached nothing is limited', async (t) => {
  const rateLimit = { max: 1, redisUrl: 'redis://127.0.0.1:1' };
  const service = await startService(t, { rateLimit });
  const alice = await service.as('alice');
  for (let n = 0; n < 3; n += 1) t.equal((await alice.get('/namespaces')).status, 200);
});
