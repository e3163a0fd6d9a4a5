import { test } from 'tap';
import { furnish, operations, people } from '../helpers/operations.js';
import { ROUND_TRIPS_PER_STATEMENT } from '../helpers/database.js';
import { startCounted, type Traffic } from '../helpers/proxy.js';
import { type Service, startService } from '../helpers/app.js';

/** What the API reference allows, as `[statements, round trips in sequence]`. */
const seedCeilings: Record<string, readonly [number, number]> = {
  listSpaces: [3, 2],
  createSpace: [2, 2],
  updateSpace: [3, 3],
};

/** What was built: statements, round trips, and the same when the slug was not seen before. */
const built: Record<string, readonly [number, number, number, number]> = {
  listNamespaces: [2, 1, 2, 1],
  createNamespace: [1, 1, 1, 1],
  getNamespace: [1, 1, 2, 2],
  updateNamespace: [1, 1, 2, 2],
  'updateNamespace, merge patch': [2, 2, 3, 3],
  deleteNamespace: [1, 1, 2, 2],
  restoreNamespace: [2, 2, 2, 2],
  listMembers: [1, 1, 2, 2],
  putMember: [1, 1, 2, 2],
  removeMember: [1, 1, 2, 2],
  listSpaces: [1, 1, 2, 2],
  createSpace: [1, 1, 2, 2],
  getSpace: [1, 1, 2, 2],
  updateSpace: [1, 1, 2, 2],
  'updateSpace, merge patch': [2, 2, 3, 3],
  deleteSpace: [1, 1, 2, 2],
  restoreSpace: [1, 1, 2, 2],
};

test('every operation keeps to its round trips', async (t) => {
  const { service: known, proxy } = await startCounted(t);
  const other = await startService(t, { db: known.db });

  const row = (...cells: (string | number)[]) => {
    const [title = '', ...numbers] = cells.map(String);
    t.comment(`${title.padEnd(36)}${numbers.map((cell) => cell.padStart(12)).join('')}`);
  };
  row('', 'statements', 'round trips', 'unseen: st.', 'round trips');

  for (const [index, { title, id, status, request }] of operations.entries()) {
    const measure = async (service: Service, namespace: string) => {
      const owner = await service.as(people.owner);
      const traffic = await proxy.count(() => owner.send(request(namespace)));
      t.equal(traffic.result.status, status, `${title} succeeds`);
      return traffic;
    };
    await furnish(known, `warm-${index}`);
    await measure(known, `warm-${index}`);
    await furnish(known, `known-${index}`);
    await furnish(known, `unseen-${index}`);

    proxy.delay = 1;
    const seen = await measure(known, `known-${index}`);
    const unseen = await measure(other, `unseen-${index}`);
    proxy.delay = 0;

    row(title, seen.statements, seen.roundTrips, unseen.statements, unseen.roundTrips);
    const trips = ({ roundTrips }: Traffic) => roundTrips / ROUND_TRIPS_PER_STATEMENT;
    t.same(
      [seen.statements, trips(seen), unseen.statements, trips(unseen)],
      built[title.replace(/, (spaces|projects)/, '')],
      `${title} does what was built`,
    );
    const [statements, roundTrips] = seedCeilings[id] ?? [3, 3];
    t.ok(unseen.statements <= statements, `${title} keeps to the ceiling of its statements`);
    t.ok(trips(unseen) <= roundTrips, `${title} keeps to the ceiling of its round trips`);
  }
});

test('an update of nothing costs no more than a get', async (t) => {
  const { service, proxy } = await startCounted(t);
  await furnish(service, 'acme');
  const owner = await service.as(people.owner);
  for (const path of ['/namespaces/acme', '/namespaces/acme/projects/lab']) {
    await owner.get(path);
    const { statements, roundTrips } = await proxy.count(() => owner.patch(path, {}));
    t.same({ statements, roundTrips }, { statements: 1, roundTrips: ROUND_TRIPS_PER_STATEMENT });
  }
});

test('what is refused before the namespace is looked at costs no statement', async (t) => {
  const { service, proxy } = await startCounted(t);
  const alice = await service.as('alice');
  const reader = await service.as('alice', 'spaces:read');
  const refused = [
    () => service.send({ method: 'GET', path: '/namespaces/acme/spaces' }),
    () => reader.post('/namespaces/acme/spaces', { name: 'New' }),
    () => alice.post('/namespaces/acme/spaces', {}),
    () => alice.get('/namespaces/acme/spaces?page=0'),
    () => alice.get('/namespaces/Not%20a%20slug/spaces'),
  ];
  const statuses: number[] = [];
  for (const send of refused) {
    const { statements, result } = await proxy.count(send);
    t.equal(statements, 0);
    statuses.push(result.status);
  }
  t.same(statuses, [401, 403, 400, 400, 404]);
});

test('a 404 costs a stranger the same whether the namespace is there, was there or never was', async (t) => {
  const { service, proxy } = await startCounted(t);
  const owner = await service.as('owner');
  const stranger = await service.as('stranger');
  for (const slug of ['there', 'unknown', 'renamed', 'deleted']) {
    await owner.post('/namespaces', { slug });
    if (slug !== 'unknown') await owner.get(`/namespaces/${slug}`);
  }
  await owner.patch('/namespaces/renamed', { slug: 'other' });
  await owner.delete('/namespaces/deleted');
  for (const slug of ['there', 'unknown', 'renamed', 'deleted', 'never']) {
    const { statements, result } = await proxy.count(() => stranger.get(`/namespaces/${slug}`));
    t.same([result.status, statements], [404, 1], slug);
  }
});
