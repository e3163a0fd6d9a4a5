/** Connections to PostgreSQL that end while a request with a key is in flight, and the round trips of a key. */
import { test } from 'tap';
import { type Answer, startService } from '../../../helpers/app.js';
import { ROUND_TRIPS_PER_STATEMENT } from '../../../helpers/database.js';
import { pick, pickString } from '../../../helpers/json.js';
import { isProblem } from '../../../helpers/problem.js';
import { startCounted } from '../../../helpers/proxy.js';
import { waitForValue } from '../../../helpers/wait.js';
import { distinctOperations, operations, spaces } from './operations.js';
import { holdLab, isReplay, post, startAcme, total, waitForLockedSession } from './setup.js';

test('the service retries a request whose database connection ends before its effect', async (t) => {
  const { owner, sql } = await startAcme(t, await startService(t));
  const release = await holdLab(sql);
  const first = post(owner, spaces, 'key', { name: 'Lab' });
  const ended = await waitForLockedSession(sql);
  await sql`select pg_terminate_backend(${ended}::int)`;
  await waitForLockedSession(sql, ended);
  await release();
  t.equal((await first).status, 201);
  t.equal(await total(owner), 1);
  isReplay(
    t,
    await post(owner, spaces, 'key', { name: 'Lab' }),
    await first,
    'a retry of the client',
  );
});

test('a client may retry a request whose database connection ended after its effect', async (t) => {
  for (const { title, path, body, other, prepare, read } of distinctOperations) {
    const { service, proxy } = await startCounted(t);
    const { owner } = await startAcme(t, service);
    const another = await startService(t, { databaseUrl: proxy.url });
    const direct = await another.as(owner.subject);
    await prepare(owner);
    // Prepares the statements, so that the next response of PostgreSQL is that of the effect.
    await post(owner, path, 'other', other ?? (body && { ...body, slug: 'other' }));
    if (path.endsWith('/restore')) await owner.delete(path.slice(0, -'/restore'.length));
    proxy.cutAfter(path === '/namespaces/team/restore' ? 2 : 1);
    const first = await post(owner, path, 'key', body);
    proxy.restore();
    isProblem(t, first, 'unavailable', title);
    // The statement may commit after its connection has ended.
    const found = await waitForValue(`the effect of ${title}`, async () => {
      const answer = await read(direct);
      return answer.status === 200 ? answer : undefined;
    });
    const again = await post(owner, path, 'key', body);
    t.ok(again.status < 300, title);
    t.equal(again.headers['idempotent-replayed'], 'true', `${title}: replayed`);
    const id =
      pick(again.json, 'id') ??
      pick(again.json, 'spaces', 0, 'id') ??
      pick(again.json, 'assets', 0, 'id');
    t.equal(id, pickString(found.json, 'id'), title);
    t.equal((await read(direct)).text, found.text, `${title}: no second effect`);
  }
});

test('a key adds no statement and no round trip', async (t) => {
  const { service, proxy } = await startCounted(t);
  const { owner } = await startAcme(t, service);
  for (const { title, path, body, prepare, undo } of operations) {
    await prepare(owner);
    // A restore of a namespace looks it up first.
    const single = path === '/namespaces/team/restore' ? 2 : 1;
    const cost = [single, single * ROUND_TRIPS_PER_STATEMENT];
    const count = async (send: () => Promise<Answer>) => {
      const { statements, roundTrips, result } = await proxy.count(send);
      t.ok(result.status < 300, title);
      return [statements, roundTrips];
    };
    // The first execution prepares a statement.
    for (const key of [undefined, 'warm']) {
      await (key === undefined ? owner.post(path, body) : post(owner, path, key, body));
      await undo(owner);
    }
    t.same(await count(() => owner.post(path, body)), cost, `${title}: no key`);
    await undo(owner);
    t.same(await count(() => post(owner, path, 'key', body)), cost, `${title}: a key`);
    t.same(await count(() => post(owner, path, 'key', body)), cost, `${title}: replay`);
    await undo(owner);
  }
});
