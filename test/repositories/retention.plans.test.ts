/** The retention reads no more than it erases, and keeps to indexes. */
import { drizzle } from 'drizzle-orm/postgres-js';
import { test } from 'tap';
import { eraseExpired } from '../../src/repositories/retention/index.js';
import { explained } from '../helpers/plans.js';

const settings = { retentionDays: 30, slugHoldDays: 10 };
const spaces = '/namespaces/acme/spaces';

test('no statement reads more than it needs, whatever else the space holds', async (t) => {
  const { client, plans, owner } = await explained(t);
  await owner.post('/namespaces', { slug: 'acme' });
  await owner.post(spaces, { name: 'Lab' });
  await client.unsafe(`
    insert into episodes (namespace_id, space_id, id, name, tags, status, write_protected, deleted_at)
    select namespace_id, id, gen_random_uuid(), 'e' || i, '[]', 'running', false,
      now() - make_interval(days => case when i <= 20 then 40 when i <= 2000 then 20 end)
    from spaces, generate_series(1, 3000) i;
    insert into assets (namespace_id, space_id, id, episode_id, local_path, kind, uri, tags, deleted_at, deleted_with_episode)
    select namespace_id, space_id, gen_random_uuid(), id, '/a', 'file', 's3://b/k', '[]', deleted_at, deleted_at is not null
    from episodes;
    insert into assets (namespace_id, space_id, id, local_path, kind, uri, tags, deleted_at)
    select namespace_id, id, gen_random_uuid(), '/' || i, 'file', 's3://b/k', '[]',
      now() - make_interval(days => case when i <= 20 then 40 when i <= 2000 then 20 end)
    from spaces, generate_series(1, 3000) i;
    insert into idempotency_keys (namespace_id, subject, operation, key, fingerprint, answer, expires_at)
    select namespace_id, 's', 'o', 'k' || i, 'f', '{}', now() + make_interval(hours => case when i <= 20 then -1 else 1 end)
    from spaces, generate_series(1, 3000) i`);
  // One space is old, and a key in ten is of it.
  await client.unsafe(`
    insert into spaces (namespace_id, id, name, slug, tags, deleted_at)
    select id, gen_random_uuid(), 'Old', 'old', '[]', now() - interval '40 days' from namespaces;
    update idempotency_keys k set operation = 'createAsset ' || s.id from spaces s where slug = 'old' and key like '%1'`);
  // The planner knows the average space, which these make a small one.
  await client.unsafe(`
    insert into spaces (namespace_id, id, name, slug, tags)
    select id, gen_random_uuid(), 'Small', 'small-' || i, '[]' from namespaces, generate_series(1, 3000) i;
    insert into episodes (namespace_id, space_id, id, name, tags, status, write_protected, deleted_at)
    select namespace_id, id, gen_random_uuid(), 'e', '[]', 'running', false, now() from spaces where slug like 'small-%';
    insert into assets (namespace_id, space_id, id, episode_id, local_path, kind, uri, tags, deleted_at, deleted_with_episode)
    select namespace_id, space_id, gen_random_uuid(), id, '/a', 'file', 's3://b/k', '[]', deleted_at, true
    from episodes where name = 'e'`);
  await client.unsafe('analyze');
  plans.length = 0;
  const db = Object.assign(drizzle(client), { usage: () => ({ connections: 1, statements: 0 }) });
  let erased = 0;
  for await (const { rows } of eraseExpired(db, settings)) erased += rows;
  // Two of the 300 keys of the old space have also expired.
  t.equal(erased, 80 + 1 + 298, 'of each kind twenty, and one space with its keys');
  const own = plans.filter((plan) => !plan.includes('advisory'));
  t.ok(own.length > 20);
  for (const plan of own) {
    const [, statement = ''] = /Query Text: ([^]*?)\n *[A-Z][^\n]*\(cost/.exec(plan) ?? [];
    t.notMatch(plan, /Sort Key/, `in the order of an index: ${statement}`);
    t.notMatch(plan, /Seq Scan on (assets|episodes|spaces|idempotency_keys)/, statement);
    // A condition by the space alone reads all of its rows.
    const conditions = plan.match(
      /Scan using \w+ on (assets|episodes)[^\n]*\n *Index Cond: [^\n]*/g,
    );
    if (/delete from/.test(statement)) {
      t.notMatch(plan, /idempotency_keys_expiry_index/, 'a key is looked up by itself');
      // An erased space loses all of its rows.
      const isByRow = !statement.includes('space_id = any(array(');
      for (const condition of isByRow ? (conditions ?? []) : []) {
        t.match(condition, /Index Cond: .*\b(episode_)?id = /, condition);
      }
    }
  }
  const keys = own.filter((plan) => plan.includes('is_erased'));
  t.ok(keys.length > 5, 'the keys of an erased space are read a batch at a time');
  for (const plan of keys) t.match(plan, /Scan using idempotency_keys_namespace_id_\w+_pk/);
});
