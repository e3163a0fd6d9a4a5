/** No list is stale after a failover to an older primary, or after commits in another order than their writes. */
import postgres from 'postgres';
import { test } from 'tap';
import { startService } from '../../helpers/app.js';
import { createDatabase, databaseUrl, isDistributed, testServer } from '../../helpers/database.js';
import { pick } from '../../helpers/json.js';
import { waitForLockedSessions } from '../../helpers/locks.js';

const lists = ['/namespaces', '/namespaces/team/members', '/namespaces/team/spaces'];

test('a list is fresh after a failover to a primary that lacks the last writes', async (t) => {
  const databaseUrl = await createDatabase(t, { direct: true });
  const service = await startService(t, { databaseUrl });
  const truth = await startService(t, { databaseUrl, pageCacheBytes: 0 });
  const alice = await service.as('alice');
  const direct = await truth.as('alice');
  await alice.post('/namespaces', { slug: 'team' });
  await alice.post('/namespaces/team/spaces', { name: 'First' });

  const nodes = testServer().nodes.map((url) =>
    postgres(url, { max: 1, onnotice: () => undefined }),
  );
  t.teardown(() => Promise.all(nodes.map((node) => node.end())));
  const name = new URL(databaseUrl).pathname.slice(1);
  const [copy, old] = [`${name}_copy`, `${name}_old`];
  const drop = async (database: string) => {
    for (const node of nodes) await node`drop database if exists ${node(database)} with (force)`;
  };
  const allowConnections = async (allowed: boolean) => {
    for (const node of nodes)
      await node`alter database ${node(name)} with allow_connections ${node.unsafe(String(allowed))}`;
  };
  /** Disconnects all sessions, of which Citus has some of its own. */
  const disconnect = async () => {
    await allowConnections(false);
    for (const node of nodes)
      await node`
        select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = ${name}`;
  };
  t.teardown(() => drop(copy));
  // A copy without the later writes stands for the standby.
  await disconnect();
  for (const node of nodes) await node`create database ${node(copy)} template ${node(name)}`;
  await allowConnections(true);

  const write = async (text: string) => {
    await alice.patch('/namespaces/team', { name: text });
    await alice.patch('/namespaces/team/projects/first', { description: text });
    await alice.put('/namespaces/team/members/bob', { role: text === 'lost' ? 'owner' : 'viewer' });
  };
  const read = async () => Promise.all(lists.map((path) => alice.get(path)));
  await write('lost');
  const lost = await read();
  t.ok(lost.every(({ status }) => status === 200));

  t.teardown(() => drop(old));
  await disconnect();
  for (const node of nodes) {
    await node`alter database ${node(name)} rename to ${node(old)}`;
    await node`alter database ${node(copy)} rename to ${node(name)}`;
  }
  for (const stage of ['without the writes', 'with others in their place']) {
    if (stage !== 'without the writes') await write('kept');
    const expected = await Promise.all(lists.map((path) => direct.get(path)));
    const answers = await read();
    t.strictSame(
      answers.map(({ status, text }) => ({ status, text })),
      expected.map(({ status, text }) => ({ status, text })),
      stage,
    );
    for (const [index, path] of lists.entries()) {
      const headers = { 'if-none-match': String(lost[index]?.headers['etag']) };
      const { status } = await alice.send({ method: 'GET', path, headers });
      t.equal(status, 200, `${path}, ${stage}: the tag of the lost list does not match`);
    }
  }
});

test('a list contains a write that begins before another one and commits after it', async (t) => {
  const service = await startService(t);
  const { db } = service;
  const other = await startService(t, { databaseUrl: service.databaseUrl });
  const alice = await service.as('alice');
  const reader = await other.as('alice');
  await alice.post('/namespaces', { slug: 'team' });
  for (const name of ['Slow', 'Fast']) await alice.post('/namespaces/team/spaces', { name });
  // The commit of a write of "Slow" waits for a lock that this test holds.
  await db.execute(`
    create function wait_at_commit() returns trigger language plpgsql as
      $$ begin perform pg_advisory_xact_lock(42); return null; end $$`);
  const triggerOn = (table: string) => `
    create constraint trigger wait_at_commit after update on ${table} deferrable initially deferred
    for each row when (new.slug = 'slow') execute function wait_at_commit()`;
  await db.execute(
    isDistributed
      ? `select run_command_on_shards('spaces', $$${triggerOn('%s')}$$)`
      : triggerOn('spaces'),
  );
  // Without the pooler, because a session holds the lock; on every node, because one has the space.
  const name = new URL(service.databaseUrl).pathname.slice(1);
  const holders = testServer().nodes.map((url) =>
    postgres(databaseUrl(url, name), { max: 1, onnotice: () => undefined }),
  );
  t.teardown(() => Promise.all(holders.map((holder) => holder.end())));
  const read = async () => {
    const answers = await Promise.all(
      [alice, reader].map((one) => one.get('/namespaces/team/spaces')),
    );
    return answers.map(({ json }) => {
      const spaces = pick(json, 'spaces');
      return Array.isArray(spaces)
        ? spaces.map((space: unknown) => pick(space, 'description'))
        : [];
    });
  };
  for (let round = 1; round <= 5; round += 1) {
    const before = (await read())[0]?.[0];
    for (const holder of holders) await holder`select pg_advisory_lock(42)`;
    const slow = alice.patch('/namespaces/team/projects/slow', { description: `slow ${round}` });
    await waitForLockedSessions(db.$client);
    const fast = { description: `fast ${round}` };
    t.equal(
      (await alice.patch('/namespaces/team/projects/fast', fast)).status,
      200,
      `round ${round}`,
    );
    t.strictSame(await read(), Array(2).fill([before, `fast ${round}`]), 'the fast write is shown');
    for (const holder of holders) await holder`select pg_advisory_unlock(42)`;
    t.equal((await slow).status, 200, `round ${round}`);
    const both = [`slow ${round}`, `fast ${round}`];
    t.strictSame(await read(), Array(2).fill(both), 'both writes are shown');
  }
});
