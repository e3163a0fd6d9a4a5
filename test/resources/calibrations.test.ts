/** A new resource is a table, two folders and one entry: the shared code adds everything else. */
import { sql } from 'drizzle-orm';
import { test } from 'tap';
import { contentPrefixes } from '../../src/http/spaces/nouns.js';
import { defineResource, distributedTables, resources } from '../../src/resources.js';
import { startService } from '../helpers/app.js';
import { createDatabase, openDatabase } from '../helpers/database.js';
import { pick } from '../helpers/json.js';
import { isProblem } from '../helpers/problem.js';
import { calibrationOperations } from './calibrations/http/operations.js';
import { calibrationSchemas } from './calibrations/http/schema.js';
import { calibrationsRepository } from './calibrations/repository/index.js';
import { calibrations, migration } from './calibrations/table.js';

const calibrationResource = defineResource({
  tag: { name: 'calibrations', description: 'The calibrations of the sensors of a space' },
  of: 'spaces',
  tables: [calibrations],
  repository: calibrationsRepository,
  routes: {
    prefixes: contentPrefixes,
    schemas: calibrationSchemas,
    operations: calibrationOperations,
  },
});

test('a resource that is added by its definition has the common behaviour', async (t) => {
  const databaseUrl = await createDatabase(t);
  const db = openDatabase(t, databaseUrl);
  for (const statement of migration) await db.execute(sql.raw(statement));
  const all = [...resources, calibrationResource];
  const service = await startService(t, { db, databaseUrl, resources: all });
  const owner = await service.as('owner');
  await owner.post('/namespaces', { slug: 'acme' });
  await owner.post('/namespaces/acme/spaces', { name: 'Lab' });
  const path = '/namespaces/acme/projects/lab/calibrations';

  const keyed = { method: 'POST', path, body: { name: 'camera' } } as const;
  const headers = { 'idempotency-key': 'one' };
  const created = await owner.send({ ...keyed, headers });
  t.equal(created.status, 201);
  t.match(created.json, { name: 'camera', version: 1, metadata: null });
  const replayed = await owner.send({ ...keyed, headers });
  t.equal(replayed.headers['idempotent-replayed'], 'true');
  t.same(replayed.json, created.json);
  const taken = await owner.post(path, { name: 'camera' });
  isProblem(t, taken, 'name_conflict', 'the conflict of its unique index');
  isProblem(
    t,
    await owner.post(path, { name: 'a', more: 1 }),
    'validation_failed',
    'a strict body',
  );

  const item = `${path}/${String(pick(created.json, 'id'))}`;
  const got = await owner.get(item.replace('projects', 'spaces'));
  t.same(got.json, created.json, 'under the other noun');
  const etag = String(got.headers['etag']);
  const known = { method: 'GET', path: item, headers: { 'if-none-match': etag } } as const;
  t.equal((await owner.send(known)).status, 304);

  await owner.mergePatch(item, { metadata: { fx: 1 } });
  const merged = await owner.mergePatch(item, { metadata: { fy: 2 } });
  t.match(merged.json, { version: 3, metadata: { fx: 1, fy: 2 } });
  const stale = { method: 'PATCH', path: item, body: { name: 'b' } } as const;
  isProblem(
    t,
    await owner.send({ ...stale, headers: { 'if-match': etag } }),
    'precondition_failed',
  );

  const first = await owner.get(`${path}?pageSize=1&page=1`);
  t.match(first.json, { calibrations: [{ name: 'camera' }], total: 1, totalPages: 1 });
  t.match(first.headers['etag'], /^W\//);
  await owner.post(path, { name: 'lidar' });
  const page = await owner.get(`${path}?pageSize=1&cursor=start`);
  const cursor = String(pick(page.json, 'nextCursor'));
  t.match((await owner.get(`${path}?pageSize=1&cursor=${cursor}`)).json, {
    calibrations: [{ name: 'lidar' }],
    nextCursor: null,
  });

  const stranger = await service.as('stranger');
  isProblem(t, await stranger.get(item), 'namespace_not_found');
  await owner.put('/namespaces/acme/members/vic', { role: 'viewer' });
  const viewer = await service.as('vic');
  isProblem(t, await viewer.delete(item), 'insufficient_role');
  t.equal((await viewer.get(item)).status, 200);
  t.equal((await owner.delete(item)).status, 204);
  isProblem(t, await owner.get(item), 'space_not_found');
  t.match((await owner.get(path)).json, { total: 1 });

  const document = await service.send({ method: 'GET', path: '/openapi.json' });
  t.match(document.json, {
    tags: [{ name: 'spaces' }, {}, {}, {}, { name: 'calibrations' }],
    paths: {
      '/namespaces/{slug}/projects/{projectSlug}/calibrations/{calibrationId}': {
        delete: { description: /Needs the role `editor`. Needs the scope `spaces:write`./ },
      },
    },
  });
  t.ok(distributedTables(all).byNamespace.includes(calibrations));
});
