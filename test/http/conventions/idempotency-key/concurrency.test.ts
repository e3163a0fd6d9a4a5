import t, { test } from 'tap';
import { startService } from '../../../helpers/app.js';
import { isProblem } from '../../../helpers/problem.js';
import { distinctOperations, spaces } from './operations.js';
import { holdLab, isReplay, post, startAcme, total, waitForLockedSession } from './setup.js';

/** Two services on one database. */
const service = await startService(t);
const replica = await startService(t, { databaseUrl: service.databaseUrl });

for (const { title, path, body, prepare, read } of distinctOperations) {
  test(`exactly one of parallel ${title} requests with one key takes effect`, async (t) => {
    const { owner } = await startAcme(t, service);
    const other = await replica.as(owner.subject);
    await prepare(owner);
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        post(index % 2 === 0 ? owner : other, path, 'key', body),
      ),
    );
    const done = answers.filter(({ status }) => status < 300);
    const first = done.filter(({ headers }) => headers['idempotent-replayed'] === undefined);
    t.equal(first.length, 1, 'one takes effect');
    for (const answer of done) t.equal(answer.text, first[0]?.text, 'the replays have its body');
    for (const answer of answers) {
      if (done.includes(answer)) continue;
      isProblem(t, answer, 'idempotency_key_in_use');
      t.equal(answer.headers['retry-after'], '1', title);
    }
    t.equal((await read(owner)).status, 200, title);
    const again = await post(other, path, 'key', body);
    t.equal(again.text, first[0]?.text, 'a later request');
  });
}

test('a request is 409 at once while another with its key is in progress', async (t) => {
  const { owner, sql } = await startAcme(t, service);
  const editor = await service.as('ed');
  const release = await holdLab(sql);
  const first = post(owner, spaces, 'key', { name: 'Lab' });
  await waitForLockedSession(sql);
  const second = await post(owner, spaces, 'key', { name: 'Lab' });
  isProblem(t, second, 'idempotency_key_in_use');
  t.equal(second.headers['retry-after'], '1');
  const third = post(editor, spaces, 'key', { name: 'Bench' });
  await release();
  t.equal((await first).status, 201);
  t.equal((await third).status, 201, 'the key of another subject');
  isReplay(t, await post(owner, spaces, 'key', { name: 'Lab' }), await first, 'afterwards');
});

test('the primary key detects concurrent requests that both found no saved response', async (t) => {
  const { owner, sql } = await startAcme(t, service);
  const first = await post(owner, spaces, 'key', { name: 'Lab' });
  // The second request does not find the saved response of the first.
  await owner.delete(`${spaces}/lab`);
  await sql`update idempotency_keys set key = 'hidden'`;
  const release = await holdLab(sql);
  const second = post(owner, spaces, 'key', { name: 'Lab' });
  await waitForLockedSession(sql);
  await sql`update idempotency_keys set key = 'key'`;
  await release();
  isReplay(t, await second, first, 'the second');
  t.equal(await total(owner), 0, 'its own effect is rolled back');
});

test('exactly one of parallel requests with an expired key takes effect', async (t) => {
  const { owner, sql } = await startAcme(t, service);
  await post(owner, spaces, 'key', { name: 'Lab' });
  await owner.delete(`${spaces}/lab`);
  await sql`update idempotency_keys set expires_at = now() - interval '1 second'`;
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => post(owner, spaces, 'key', { name: 'Lab' })),
  );
  for (const { status } of answers) t.ok([201, 409].includes(status));
  const first = answers.filter(
    ({ status, headers }) => status === 201 && headers['idempotent-replayed'] === undefined,
  );
  t.equal(first.length, 1);
  t.equal(await total(owner), 1);
});
