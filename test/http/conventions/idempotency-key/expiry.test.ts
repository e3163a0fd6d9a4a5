import t, { test } from 'tap';
import { startService } from '../../../helpers/app.js';
import { isProblem } from '../../../helpers/problem.js';
import { spaces } from './operations.js';
import { isReplay, post, startAcme, total } from './setup.js';

const service = await startService(t);

test('a key expires after 24 hours', async (t) => {
  const { owner, sql } = await startAcme(t, service);
  await post(owner, spaces, 'key', { name: 'Lab' });
  const [row] =
    await sql`select extract(epoch from expires_at - now())::int as seconds from idempotency_keys`;
  t.ok(Math.abs(Number(row?.['seconds']) - 24 * 3600) < 600, 'kept for 24 hours');

  await sql`update idempotency_keys set expires_at = now() - interval '1 second'`;
  isProblem(
    t,
    await post(owner, spaces, 'key', { name: 'Lab' }),
    'slug_conflict',
    'the request is executed again',
  );
  const answer = await post(owner, spaces, 'key', { name: 'Other' });
  t.equal(answer.status, 201, 'even with another body');
  isReplay(
    t,
    await post(owner, spaces, 'key', { name: 'Other' }),
    answer,
    'the new response is saved',
  );
  t.equal(await total(owner), 2);

  await post(owner, '/namespaces/acme/restore', 'key');
  await owner.delete('/namespaces/acme');
  await sql`update idempotency_keys set expires_at = now() - interval '1 second'`;
  t.equal((await post(owner, '/namespaces/acme/restore', 'key')).status, 200);
  t.equal((await owner.get('/namespaces/acme')).status, 200, 'the namespace is restored again');
});

test('each later write purges at most ten expired keys', async (t) => {
  const { owner, sql } = await startAcme(t, service);
  const names = Array.from({ length: 25 }, (_, index) => `Space ${index}`);
  await Promise.all(names.map((name) => post(owner, spaces, name.replace(' ', '-'), { name })));
  await sql`update idempotency_keys set expires_at = now() - interval '1 second'`;
  const keys = async () =>
    Number((await sql`select count(*)::int as keys from idempotency_keys`)[0]?.['keys']);
  t.equal(await keys(), 25);
  await post(owner, spaces, 'first', { name: 'First' });
  t.equal(await keys(), 16, 'ten are purged, one is added');
  for (const name of ['Second', 'Third']) await post(owner, spaces, name, { name });
  t.equal(await keys(), 3, 'the others are purged');
});
