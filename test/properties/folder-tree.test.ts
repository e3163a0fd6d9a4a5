/**
 * Folders are created, moved and deleted, and episodes and assets created in them, concurrently and by two
 * processes. In every order the tree has no orphan and no path twice, no acknowledged write is
 * lost or undone, and the counts are exact.
 */
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import { test } from 'tap';
import { type Answer, startService } from '../helpers/app.js';
import { pick, pickString } from '../helpers/json.js';
import { parameters } from './parameters.js';

const RUNS = 12;

const segment = fc.constantFrom('a', 'b', 'c');
const path = fc
  .array(segment, { minLength: 1, maxLength: 4 })
  .map((segments) => `/${segments.join('/')}`);
const operation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ type: fc.constant('create' as const), path }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('move' as const), which: fc.nat(30), path }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('delete' as const), which: fc.nat(30) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('upsert' as const),
      name: fc.constantFrom('e0', 'e1', 'e2', 'e3'),
      path,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('remove' as const),
      name: fc.constantFrom('e0', 'e1', 'e2', 'e3'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ type: fc.constant('asset' as const), path, name: fc.uuid() }),
  },
);
type Operation = typeof operation extends fc.Arbitrary<infer Value> ? Value : never;

const ALLOWED = new Set([200, 201, 204, 404, 409, 410]);

test('concurrent operations keep the folder tree consistent and lose no acknowledged write', async (t) => {
  const settings = parameters(t, RUNS);
  const service = await startService(t);
  const other = await startService(t, { databaseUrl: service.databaseUrl });
  const clients = [await service.as('olga'), await other.as('olga')];
  const [owner] = clients;
  if (!owner) throw new Error('There is no owner');
  await owner.post('/namespaces', { slug: 'acme' });
  const statuses = new Map<string, number>();
  let labs = 0;

  const rounds = fc.array(fc.array(operation, { minLength: 4, maxLength: 12 }), {
    minLength: 3,
    maxLength: 6,
  });
  const property = fc.asyncProperty(rounds, async (allRounds) => {
    const slug = `lab-${(labs += 1)}`;
    await owner.post('/namespaces/acme/spaces', { name: 'Lab', slug });
    const lab = `/namespaces/acme/projects/${slug}`;
    const made = new Set<string>();
    const deleted = new Set<string>();
    const files = new Set<string>();

    const send = async (each: Operation, index: number, ids: string[]): Promise<Answer> => {
      const client = clients[index % 2] ?? owner;
      const id = 'which' in each ? ids[each.which % Math.max(ids.length, 1)] : undefined;
      const folder = `${lab}/folders/${id ?? '00000000-0000-7000-8000-000000000000'}`;
      switch (each.type) {
        case 'create':
          return client.post(`${lab}/folders`, { path: each.path });
        case 'move':
          return client.patch(folder, { path: each.path });
        case 'delete': {
          const answer = await client.delete(folder);
          if (answer.status === 204 && id !== undefined) deleted.add(id);
          return answer;
        }
        case 'upsert':
          return client.post(`${lab}/episodes`, { name: each.name, folder: each.path });
        case 'remove': {
          const removed = await client.delete(`${lab}/episodes/${each.name}`);
          if (removed.status !== 204) return removed;
          return client.post(`${lab}/episodes/${each.name}/restore`);
        }
        case 'asset': {
          const asset = { path: `${each.path}/${each.name}`, kind: 'file', uri: 'urn:a:b' };
          const answer = await client.post(`${lab}/assets`, asset);
          if (answer.status === 201) files.add(pickString(answer.json, 'id'));
          return answer;
        }
      }
    };

    for (const round of allRounds) {
      const ids = [...made].filter((id) => !deleted.has(id));
      const answers = await Promise.all(round.map((each, index) => send(each, index, ids)));
      for (const [index, answer] of answers.entries()) {
        const { type } = round[index] ?? {};
        const key = `${String(type)} ${answer.status}`;
        statuses.set(key, (statuses.get(key) ?? 0) + 1);
        if (!ALLOWED.has(answer.status)) throw new Error(`${key}: ${answer.text}`);
        if (type === 'create' && answer.status === 201) made.add(pickString(answer.json, 'id'));
      }
      const { json } = await owner.get(`${lab}/folders?recursive=true&pageSize=200`);
      const listed: unknown = pick(json, 'folders');
      const rows = Array.isArray(listed) ? listed : [];
      const paths = rows.map((row) => pickString(row, 'path'));
      const existing = new Set(rows.map((row) => pickString(row, 'id')));
      if (new Set(paths).size !== paths.length)
        throw new Error(`A path exists twice: ${paths.join(' ')}`);
      for (const each of paths) {
        const parent = each.slice(0, each.lastIndexOf('/'));
        if (parent !== '' && !paths.includes(parent)) throw new Error(`${each} is an orphan`);
      }
      for (const id of deleted)
        if (existing.has(id)) throw new Error(`${id} was deleted, and exists`);
      for (const id of made) {
        if (!existing.has(id) && !deleted.has(id)) throw new Error(`${id} was lost`);
      }
      for (const id of existing) made.add(id);
      const [count] = await service.db.execute<Record<string, number>>(sql`
        select
          (select count(*)::int from folders f where f.space_id = s.id) as folders,
          (select count(*)::int from episodes e where e.space_id = s.id and deleted_at is null) as episodes,
          (select count(*)::int from assets a where a.space_id = s.id and deleted_at is null) as assets
        from spaces s where slug = ${slug}`);
      const contents = pick((await owner.get(lab)).json, 'contents');
      if (JSON.stringify(contents) !== JSON.stringify({ ...count })) {
        throw new Error(`Counted ${JSON.stringify(count)}, shown ${JSON.stringify(contents)}`);
      }
      for (const kind of ['episodes', 'assets'] as const) {
        const items: unknown = pick((await owner.get(`${lab}/${kind}?pageSize=200`)).json, kind);
        for (const item of Array.isArray(items) ? items : []) {
          const place =
            kind === 'episodes'
              ? pickString(item, 'folder')
              : pickString(item, 'path').replace(/\/[^/]*$/, '');
          if (place !== '' && place !== '/' && !paths.includes(place)) {
            throw new Error(`${kind} in ${place}, which does not exist`);
          }
        }
        if (kind === 'assets' && (Array.isArray(items) ? items.length : 0) !== files.size) {
          throw new Error('An asset was lost or doubled');
        }
      }
    }
  });
  await fc.assert(property, { ...settings, endOnFailure: true });
  for (const key of [
    'create 201',
    'move 200',
    'move 409',
    'delete 204',
    'delete 409',
    'upsert 201',
  ]) {
    t.ok((statuses.get(key) ?? 0) > 0, `${key} occurs`);
  }
  t.comment(JSON.stringify(Object.fromEntries([...statuses].sort())));
});
