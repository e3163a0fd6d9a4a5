/** Runs on Citus alone (`npm run test:citus`). */
import { test } from 'tap';
import { executions, startObserved } from '../helpers/executions.js';
import { operations } from '../helpers/operations.js';
import { members, seedNamespace } from '../helpers/seed.js';

/** Statements that are sent to a shard as they are. A merge patch is two, one that reads and one that writes. */
const oneTask: Record<string, number> = {
  getNamespace: 1,
  updateNamespace: 1,
  'updateNamespace, merge patch': 2,
  listMembers: 1,
  listSpaces: 1,
  getSpace: 1,
  getSpaceErasure: 1,
  listFolders: 1,
  getFolder: 1,
  deleteFolder: 1,
  listEpisodes: 1,
  getEpisode: 1,
  listAssets: 1,
  getAsset: 1,
};

/** The operations that ask all workers. */
const acrossNamespaces = new Set([
  'listNamespaces',
  'restoreNamespace',
  'getNamespaceErasure',
  'deleteNamespace, permanent',
]);

test('an operation in a namespace is for one shard, and one task where it writes nothing but the namespace', async (t) => {
  const service = await startObserved(t);
  for (const [index, { title, status, request }] of operations.entries()) {
    const slug = `acme-${index}`;
    await seedNamespace(service, slug);
    const owner = await service.as(members.owner);
    await owner.get(`/namespaces/${slug}/projects/lab/folders`);
    const before = await executions(service.db);
    const answer = await owner.send(request(slug));
    const after = await executions(service.db);
    t.equal(answer.status, status, title);
    const [one, several] = [after[0] - before[0], after[1] - before[1]];
    t.equal(several > 0, acrossNamespaces.has(title), `${title}: for several shards`);
    const expected = oneTask[title.replace(/, (spaces|projects)/, '')];
    if (expected === undefined) t.ok(one > 1, `${title}: in several tasks`);
    else t.equal(one, expected, `${title}: in one task`);
  }
});
