import { test } from 'tap';
import { type Service, startService } from '../../helpers/app.js';
import { ROUND_TRIPS_PER_STATEMENT } from '../../helpers/database.js';
import { operations } from '../../helpers/operations.js';
import { startCounted, type Traffic } from '../../helpers/proxy.js';
import { members, seedNamespace } from '../../helpers/seed.js';

/** The limits of the API reference, as `[statements, round trips in sequence]`. */
const documentedLimits: Record<string, readonly [number, number]> = {
  listSpaces: [3, 2],
  createSpace: [2, 2],
  updateSpace: [3, 3],
};

/** The statements and round trips with cached slugs, and the same with slugs that are not cached. */
const expectedCosts: Record<string, readonly [number, number, number, number]> = {
  listNamespaces: [1, 1, 1, 1],
  createNamespace: [1, 1, 1, 1],
  getNamespace: [1, 1, 2, 2],
  updateNamespace: [1, 1, 2, 2],
  'updateNamespace, merge patch': [2, 2, 3, 3],
  deleteNamespace: [1, 1, 2, 2],
  'deleteNamespace, permanent': [18, 34, 18, 34],
  getNamespaceErasure: [2, 2, 3, 3],
  restoreNamespace: [2, 2, 2, 2],
  listMembers: [1, 1, 2, 2],
  putMember: [1, 1, 2, 2],
  removeMember: [1, 1, 2, 2],
  listSpaces: [1, 1, 2, 2],
  createSpace: [1, 1, 2, 2],
  createSpaces: [1, 1, 2, 2],
  ensureSpace: [1, 1, 2, 2],
  'ensureSpace, existing': [1, 1, 2, 2],
  getSpace: [1, 1, 2, 2],
  updateSpace: [1, 1, 2, 2],
  'updateSpace, merge patch': [2, 2, 3, 3],
  deleteSpace: [1, 1, 2, 2],
  'deleteSpace, permanent': [6, 11, 7, 12],
  getSpaceErasure: [1, 1, 2, 2],
  restoreSpace: [1, 1, 2, 2],
  listFolders: [1, 1, 2, 2],
  createFolder: [1, 1, 2, 2],
  getFolder: [1, 1, 2, 2],
  updateFolder: [1, 1, 2, 2],
  'updateFolder, merge patch': [2, 2, 3, 3],
  deleteFolder: [1, 1, 2, 2],
  listEpisodes: [1, 1, 2, 2],
  upsertEpisode: [1, 1, 2, 2],
  'upsertEpisode, existing': [1, 1, 2, 2],
  getEpisode: [1, 1, 2, 2],
  updateEpisode: [1, 1, 2, 2],
  'updateEpisode, merge patch': [2, 2, 3, 3],
  deleteEpisode: [1, 1, 2, 2],
  restoreEpisode: [1, 1, 2, 2],
  listAssets: [1, 1, 2, 2],
  createAsset: [1, 1, 2, 2],
  createAssets: [1, 1, 2, 2],
  getAsset: [1, 1, 2, 2],
  updateAsset: [1, 1, 2, 2],
  'updateAsset, merge patch': [2, 2, 3, 3],
  deleteAsset: [1, 1, 2, 2],
  restoreAsset: [1, 1, 2, 2],
};

test('every operation has its expected number of statements and round trips, within the documented limits', async (t) => {
  const { service: known, proxy } = await startCounted(t);
  const other = await startService(t, { db: known.db });

  const row = (...cells: (string | number)[]) => {
    const [title = '', ...numbers] = cells.map(String);
    t.comment(`${title.padEnd(36)}${numbers.map((cell) => cell.padStart(12)).join('')}`);
  };
  row('', 'statements', 'round trips', 'uncached', 'round trips');

  for (const [index, { title, id, status, request }] of operations.entries()) {
    const measure = async (service: Service, namespace: string) => {
      const owner = await service.as(members.owner);
      const traffic = await proxy.count(() => owner.send(request(namespace)));
      t.equal(traffic.result.status, status, `${title} succeeds`);
      return traffic;
    };
    await seedNamespace(known, `warm-${index}`);
    await measure(known, `warm-${index}`);
    await seedNamespace(known, `known-${index}`);
    await seedNamespace(known, `unseen-${index}`);
    const owner = await known.as(members.owner);
    await owner.get(`/namespaces/known-${index}/projects/lab/folders`);

    proxy.delay = 1;
    const seen = await measure(known, `known-${index}`);
    const unseen = await measure(other, `unseen-${index}`);
    proxy.delay = 0;

    row(title, seen.statements, seen.roundTrips, unseen.statements, unseen.roundTrips);
    const trips = ({ roundTrips }: Traffic) => roundTrips / ROUND_TRIPS_PER_STATEMENT;
    const expected = expectedCosts[title.replace(/, (spaces|projects)/, '')];
    t.same(
      [seen.statements, trips(seen), unseen.statements, trips(unseen)],
      // Unprepared statements are not pipelined.
      ROUND_TRIPS_PER_STATEMENT === 1
        ? expected
        : [expected?.[0], expected?.[0], expected?.[2], expected?.[2]],
      `${title} has its expected costs`,
    );
    // An erasure has a statement for each table.
    if (title.endsWith('permanent')) continue;
    const [statements, roundTrips] = documentedLimits[id] ?? [3, 3];
    t.ok(unseen.statements <= statements, `${title} is within the limit of statements`);
    t.ok(trips(unseen) <= roundTrips, `${title} is within the limit of round trips`);
  }
});

test('an empty update costs one statement and one round trip', async (t) => {
  const { service, proxy } = await startCounted(t);
  await seedNamespace(service, 'acme');
  const owner = await service.as(members.owner);
  for (const path of ['/namespaces/acme', '/namespaces/acme/projects/lab']) {
    await owner.get(path);
    const { statements, roundTrips } = await proxy.count(() => owner.patch(path, {}));
    t.same(
      { statements, roundTrips },
      { statements: 1, roundTrips: ROUND_TRIPS_PER_STATEMENT },
      path,
    );
  }
});

test('a request rejected before the namespace lookup executes no statement', async (t) => {
  const { service, proxy } = await startCounted(t);
  const alice = await service.as('alice');
  const reader = await service.as('alice', 'spaces:read');
  const rejected = [
    () => service.send({ method: 'GET', path: '/namespaces/acme/spaces' }),
    () => reader.post('/namespaces/acme/spaces', { name: 'New' }),
    () => alice.post('/namespaces/acme/spaces', {}),
    () => alice.get('/namespaces/acme/spaces?page=0'),
    () => alice.get('/namespaces/Not%20a%20slug/spaces'),
  ];
  const statuses: number[] = [];
  for (const send of rejected) {
    const { statements, result } = await proxy.count(send);
    t.equal(statements, 0, result.text);
    statuses.push(result.status);
  }
  t.same(statuses, [401, 403, 400, 400, 404]);
});

test('a 404 of a non-member costs the same for an existing, a former and an unknown namespace', async (t) => {
  const { service, proxy } = await startCounted(t);
  const owner = await service.as('owner');
  const stranger = await service.as('stranger');
  for (const slug of ['there', 'unknown', 'renamed', 'deleted']) {
    await owner.post('/namespaces', { slug });
    if (slug !== 'unknown') await owner.get(`/namespaces/${slug}`);
  }
  await owner.patch('/namespaces/renamed', { slug: 'other' });
  await owner.delete('/namespaces/deleted');
  await owner.patch('/namespaces/unknown', { slug: 'unknown-now' });
  await owner.post('/namespaces', { slug: 'unknown' });
  for (const slug of ['there', 'unknown', 'renamed', 'deleted', 'never']) {
    const { statements, result } = await proxy.count(() => stranger.get(`/namespaces/${slug}`));
    t.same([result.status, statements], [404, 1], slug);
    const within = await proxy.count(() => stranger.get(`/namespaces/${slug}/spaces/lab`));
    t.same([within.result.status, within.statements], [404, 1], `${slug}: a space`);
    const path = `/namespaces/${slug}/spaces/lab`;
    const write = await proxy.count(() => stranger.patch(path, { name: 'x' }));
    t.same([write.result.status, write.statements], [404, 1], `${slug}: a write`);
  }
});

test('a former slug adds no statement for a namespace, and one for a space', async (t) => {
  const { service, proxy } = await startCounted(t);
  await seedNamespace(service, 'before');
  const owner = await service.as(members.owner);
  await owner.patch('/namespaces/before', { slug: 'acme' });
  await owner.patch('/namespaces/acme/spaces/lab', { slug: 'workshop' });
  const costs: [path: string, status: number, statements: number][] = [
    ['/namespaces/before', 308, 1],
    ['/namespaces/before/spaces', 308, 1],
    ['/namespaces/before/members', 308, 1],
    ['/namespaces/before/spaces/lab', 308, 1],
    ['/namespaces/acme', 200, 1],
    ['/namespaces/acme/spaces/lab', 308, 2],
    ['/namespaces/acme/spaces/gone', 404, 2],
    ['/namespaces/acme/spaces/never', 404, 2],
    ['/namespaces/acme/spaces/Not%20a%20slug', 404, 1],
    ['/namespaces/acme/spaces/workshop', 200, 1],
  ];
  for (const [path, status, statements] of costs) {
    await owner.get(path);
    const cost = await proxy.count(() => owner.get(path));
    t.same([cost.result.status, cost.statements], [status, statements], path);
    t.equal(cost.roundTrips, statements * ROUND_TRIPS_PER_STATEMENT, `${path}: round trips`);
  }
});

test('a rejected batch adds one statement, which reads its slugs', async (t) => {
  const { service, proxy } = await startCounted(t);
  await seedNamespace(service, 'acme');
  const owner = await service.as(members.owner);
  const send = () =>
    owner.post('/namespaces/acme/spaces/batch', { spaces: [{ name: 'A' }, { name: 'Lab' }] });
  await send();
  const { statements, result } = await proxy.count(send);
  t.same([result.status, statements], [409, 2]);
});
