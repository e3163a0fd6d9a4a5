/** With a space or a namespace the saved responses to requests with an `Idempotency-Key` are erased. */
import { sql } from 'drizzle-orm';
import { type Test, test } from 'tap';
import { eraseExpired } from '../../../src/repositories/retention/index.js';
import { type Client, type Service, startService } from '../../helpers/app.js';
import { createDatabase, openDatabase } from '../../helpers/database.js';
import { pick, pickString } from '../../helpers/json.js';
import { waitForLockedSessions } from '../../helpers/locks.js';
import { waitUntil } from '../../helpers/wait.js';

const spaces = '/namespaces/acme/spaces';

/** More than two batches. */
const MANY = 1_200;

const secret = { description: 'secret' };

const post = async (client: Client, path: string, body?: object) => {
  const answer = await client.send({
    method: 'POST',
    path,
    headers: { 'idempotency-key': encodeURI(`${path} ${JSON.stringify(body)}`).slice(0, 255) },
    ...(body && { body }),
  });
  if (answer.status >= 300) throw new Error(`${path}: ${answer.text}`);
  return answer;
};

/** Makes every request with a key of a space. */
async function fillWithKeys(owner: Client, slug: string): Promise<void> {
  const lab = `${spaces}/${slug}`;
  const asset = { kind: 'file', uri: `s3://${slug}/key` };
  await post(owner, `${lab}/folders`, { path: '/runs' });
  await post(owner, `${lab}/episodes`, { name: 'run', folder: '/runs' });
  const { headers } = await post(owner, `${lab}/assets`, { ...asset, path: '/a' });
  await post(owner, `${lab}/assets/batch`, { assets: [{ ...asset, path: '/b', episode: 'run' }] });
  await post(owner, `${lab}/episodes/run/restore`);
  await post(owner, `${String(headers['location'])}/restore`);
  await post(owner, `${lab}/restore`);
}

/** @returns how many saved responses contain a text */
async function savedWith({ db }: Service, text: string): Promise<number> {
  const [row] = await db.execute<{ count: number }>(sql`
    select count(*)::int as count from idempotency_keys
    where strpos(operation || ' ' || answer::text, ${text}) > 0`);
  return row?.count ?? 0;
}

async function start(t: Test): Promise<{ service: Service; owner: Client }> {
  const service = await startService(t);
  const owner = await service.as('owner');
  await owner.post('/namespaces', { slug: 'acme' });
  return { service, owner };
}

async function eraseAged(service: Service): Promise<void> {
  await service.db.execute(
    sql`update spaces set deleted_at = now() - interval '40 days' where deleted_at is not null`,
  );
  const settings = { retentionDays: 30, slugHoldDays: 10 };
  for await (const { rows } of eraseExpired(service.db, settings)) if (rows < 0) throw new Error();
}

test('an erased space leaves no saved response, and a repeated request is a new one', async (t) => {
  const erasures = {
    'permanent deletion': (owner: Client, slug: string) =>
      owner.delete(`${spaces}/${slug}?permanent=true`),
    'retention by age': async (owner: Client, slug: string, service: Service) => {
      await owner.delete(`${spaces}/${slug}`);
      await eraseAged(service);
    },
  };
  for (const [title, erase] of Object.entries(erasures)) {
    const { service, owner } = await start(t);
    const alone = { name: 'Alone', ...secret };
    const batch = { spaces: [{ name: 'One' }, { name: 'Two', ...secret }] };
    const created = await post(owner, spaces, alone);
    const ids = new Map([['alone', pickString(created.json, 'id')]]);
    const together = await post(owner, `${spaces}/batch`, batch);
    ids.set('two', pickString(together.json, 'spaces', 1, 'id'));
    await post(owner, spaces, { name: 'Kept' });
    for (const slug of ['alone', 'two', 'kept']) await fillWithKeys(owner, slug);
    const kept = await savedWith(service, 's3://kept/key');
    for (const [slug, id] of ids) {
      t.equal(await savedWith(service, id), 8, `${title}: ${slug} has a key of each operation`);
      await erase(owner, slug, service);
      t.equal(await savedWith(service, id), 0, `${title}: no id of ${slug}`);
      t.equal(await savedWith(service, `s3://${slug}/key`), 0, `${title}: no URI of ${slug}`);
    }
    t.equal(await savedWith(service, secret.description), 0, title);
    t.equal(await savedWith(service, 's3://kept/key'), kept, `${title}: others are kept`);
    t.equal((await post(owner, `${spaces}/kept/restore`)).headers['idempotent-replayed'], 'true');

    const again = await post(owner, spaces, alone);
    t.equal(again.status, 201, title);
    t.equal(again.headers['idempotent-replayed'], undefined, title);
    t.not(pick(again.json, 'id'), ids.get('alone'), `${title}: another space`);
    await owner.delete(`${spaces}/one`);
    const others = await post(owner, `${spaces}/batch`, batch);
    t.equal(others.headers['idempotent-replayed'], undefined, title);
  }
});

test('it leaves none among very many saved responses of other spaces', async (t) => {
  const { service, owner } = await start(t);
  const { json } = await post(owner, spaces, { name: 'Lab', ...secret });
  await fillWithKeys(owner, 'lab');
  for (const subject of ['a', 'z']) {
    await service.db.execute(sql`
      insert into idempotency_keys (namespace_id, subject, operation, key, fingerprint, answer, expires_at)
      select namespace_id, ${subject}::text, operation, 'key ' || i, fingerprint,
        '{"id": "other"}', expires_at
      from idempotency_keys, generate_series(1, ${MANY}::int) i
      where operation = 'createSpace' and subject = 'owner'`);
  }
  t.equal((await owner.delete(`${spaces}/lab?permanent=true`)).status, 202);
  const id = pickString(json, 'id');
  await waitUntil('no response with it', async () => (await savedWith(service, id)) === 0);
  t.equal(await savedWith(service, '"other"'), 2 * MANY, 'the others are kept');
});

test('an erased namespace leaves no saved response with which it was created', async (t) => {
  const { service } = await start(t);
  const admin = await service.as('admin', 'admin');
  await post(admin, '/namespaces', { slug: 'kept' });
  const body = { slug: 'gone', name: 'secret' };
  const { json } = await post(admin, '/namespaces', body);
  await admin.delete('/namespaces/gone?permanent=true');
  t.equal(await savedWith(service, pickString(json, 'id')), 0);
  const again = await post(admin, '/namespaces', body);
  t.equal(again.headers['idempotent-replayed'], undefined);
  t.not(pick(again.json, 'id'), pick(json, 'id'), 'another namespace');
  t.equal(
    (await post(admin, '/namespaces', { slug: 'kept' })).headers['idempotent-replayed'],
    'true',
  );
});

test('an erasure waits for a response with the space that is being saved', async (t) => {
  const databaseUrl = await createDatabase(t, { direct: true });
  const service = await startService(t, { databaseUrl });
  const owner = await service.as('owner');
  const { json: namespace } = await owner.post('/namespaces', { slug: 'acme' });
  const { json } = await owner.post(spaces, { name: 'Lab' });
  const other = openDatabase(t, databaseUrl, { poolMax: 2 });
  const held = await other.transaction(async (holder) => {
    // The insertion of the same key waits for this one, which is rolled back.
    await holder.execute(sql`
      insert into idempotency_keys (namespace_id, subject, operation, key, fingerprint, answer, expires_at)
      values (${pick(namespace, 'id')}, 'owner', 'restoreSpace lab', 'key', '', '{}', now() + interval '1 hour')`);
    const restored = owner.send({
      method: 'POST',
      path: `${spaces}/lab/restore`,
      headers: { 'idempotency-key': 'key' },
    });
    await waitForLockedSessions(other.$client);
    const erased = owner.delete(`${spaces}/lab?permanent=true`);
    await waitForLockedSessions(other.$client, 2);
    await holder.execute(sql`delete from idempotency_keys where subject = 'owner'`);
    return [restored, erased];
  });
  const [restored, erased] = await Promise.all(held);
  t.equal(restored?.status, 200);
  t.equal(erased?.status, 204);
  t.equal(await savedWith(service, pickString(json, 'id')), 0);
});
