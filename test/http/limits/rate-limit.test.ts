import { test } from 'tap';
import { type Answer, startService } from '../../helpers/app.js';
import { createDatabase } from '../../helpers/database.js';
import { isProblem } from '../../helpers/problem.js';
import { startRedis } from '../../helpers/redis.js';
import { waitUntil } from '../../helpers/wait.js';

const MAX = 4;

test('no request is limited without a configured rate limit', async (t) => {
  const alice = await (await startService(t)).as('alice');
  const { headers } = await alice.get('/namespaces');
  t.equal(headers['ratelimit-limit'], undefined);
});

test('a subject over its limit gets 429 with Retry-After; other subjects are served', async (t) => {
  const service = await startService(t, { rateLimit: { max: 3, redisUrl: null } });
  const alice = await service.as('alice');
  const narrowed = await service.as('alice', 'namespaces:read');
  const bob = await service.as('bob');
  for (const left of [2, 1, 0]) {
    const { status, headers } = await alice.get('/namespaces');
    t.equal(status, 200, `left ${left}`);
    t.match(
      headers,
      { 'ratelimit-limit': '3', 'ratelimit-remaining': String(left) },
      `left ${left}`,
    );
    t.match(String(headers['ratelimit-reset']), /^\d+$/, `left ${left}`);
  }
  for (const client of [alice, narrowed]) {
    const rejected = await client.get('/namespaces');
    isProblem(t, rejected, 'rate_limited', 'with each of its tokens');
    t.match(String(rejected.headers['retry-after']), /^[1-9]\d*$/);
  }
  t.equal((await bob.get('/namespaces')).status, 200);
  t.equal((await service.send({ method: 'GET', path: '/readyz' })).status, 200);
  isProblem(t, await service.send({ method: 'GET', path: '/namespaces' }), 'token_missing');
});

test('replicas that share a Redis count together; while Redis is down, requests are answered without a limit', async (t) => {
  const redis = await startRedis(t);
  if (!redis) {
    t.comment('NOT CHECKED: no redis-server is installed, so replicas did not count together.');
    return;
  }
  const databaseUrl = await createDatabase(t);
  const rateLimit = { max: MAX, redisUrl: redis.url };
  const replicas = [
    await startService(t, { databaseUrl, rateLimit }),
    await startService(t, { databaseUrl, rateLimit }),
  ];
  const remaining = ({ headers }: Answer) => Number(headers['ratelimit-remaining']);
  /** Waits until both replicas have connected to Redis. */
  const counting = async (subject: string) => {
    for (const replica of replicas) {
      const client = await replica.as(subject);
      await waitUntil(
        'a replica that is connected to Redis',
        async () => remaining(await client.get('/namespaces')) !== MAX,
      );
    }
  };
  const countsTogether = async (subject: string) => {
    const [one, two] = await Promise.all(replicas.map((replica) => replica.as(subject)));
    for (let left = MAX - 1; left >= 0; left -= 1) {
      const answer = await (left % 2 === 0 ? one : two)?.get('/namespaces');
      t.match(
        answer,
        { status: 200, headers: { 'ratelimit-remaining': String(left) } },
        `left ${left}`,
      );
    }
    for (const client of [one, two]) {
      if (client) isProblem(t, await client.get('/namespaces'), 'rate_limited');
    }
  };
  const isNotLimited = async (subject: string, why: string) => {
    for (const replica of replicas) {
      const client = await replica.as(subject);
      for (let n = 0; n < 2 * MAX; n += 1) {
        t.equal((await client.get('/namespaces')).status, 200, why);
      }
    }
  };

  await counting('first');
  await countsTogether('alice');
  await redis.signal('SIGSTOP');
  await isNotLimited('alice', 'Redis hangs');
  await redis.signal('SIGCONT');
  await counting('second');
  await countsTogether('bob');
  await redis.signal('SIGKILL');
  await isNotLimited('bob', 'Redis was killed');
  await redis.start();
  await counting('third');
  await countsTogether('carol');
});

test('an unreachable Redis limits no request', async (t) => {
  const rateLimit = { max: 1, redisUrl: 'redis://127.0.0.1:1' };
  const service = await startService(t, { rateLimit });
  const alice = await service.as('alice');
  for (let n = 0; n < 3; n += 1) t.equal((await alice.get('/namespaces')).status, 200, `n ${n}`);
});
