/**
 * Owners, viewers and non-members write and read episodes and assets of several tenants with the same names, through
 * two services that cache ids. A model predicts each response, and the final state of the database.
 */
import fc from 'fast-check';
import { test } from 'tap';
import { type Answer, startService } from '../helpers/app.js';
import { pick } from '../helpers/json.js';
import { parameters } from './parameters.js';
import {
  type Command,
  command,
  execute,
  expectedProblem,
  type ModelSpace,
  namespaces,
  ownerOf,
  roles,
  spaceSlugs,
} from './recordings-model.js';

const RUNS = 25;

test("tenants see their own episodes and assets only, and each response equals the model's", async (t) => {
  const settings = parameters(t, RUNS);
  const service = await startService(t);
  const other = await startService(t, { databaseUrl: service.databaseUrl });
  const clients = new Map(
    await Promise.all(
      ['olga', 'ed', 'eve', 'vic', 'nobody'].map(
        async (subject) => [subject, [await service.as(subject), await other.as(subject)]] as const,
      ),
    ),
  );
  const clientOf = (subject: string, process: number) => {
    const client = clients.get(subject)?.[process];
    if (!client) throw new Error(`There is no client of ${subject}`);
    return client;
  };
  let trial = 0;
  const counts = new Map<string, number>();

  const property = fc.asyncProperty(
    fc.array(command, { minLength: 40, maxLength: 90, size: 'max' }),
    async (commands) => {
      trial += 1;
      const slugOf = (namespace: string) => `${namespace}-${trial}`;
      const model = new Map<string, ModelSpace>();
      for (const namespace of namespaces) {
        const owner = ownerOf(namespace);
        await clientOf(owner, 0).post('/namespaces', { slug: slugOf(namespace) });
        for (const [subject, role] of Object.entries(roles[namespace] ?? {})) {
          if (role === 'owner') continue;
          const path = `/namespaces/${slugOf(namespace)}/members/${subject}`;
          await clientOf(owner, 0).put(path, { role });
        }
        for (const slug of spaceSlugs) {
          const path = `/namespaces/${slugOf(namespace)}/spaces`;
          await clientOf(owner, 0).post(path, { name: slug, slug });
          model.set(`${namespace}/${slug}`, { isDeleted: false, episodes: new Map() });
        }
      }

      for (const each of commands) {
        const space = model.get(`${each.namespace}/${each.space}`);
        if (!space) throw new Error('There is no such space in the model');
        const path = `/namespaces/${slugOf(each.namespace)}/projects/${each.space}`;
        const answer = await send(clientOf(each.subject, each.process), path, each, space);
        const expected = expectedProblem(each, space);
        const found = [answer.status, pick(answer.json, 'code')];
        const key = `${each.type} ${answer.status}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
        const fail = (words: string) => {
          throw new Error(`${words}: ${JSON.stringify(each)} -> ${answer.status} ${answer.text}`);
        };
        if (expected) {
          if (found[0] !== expected[0] || found[1] !== expected[1])
            fail(`Not ${expected.join(' ')}`);
          continue;
        }
        const difference = execute(each, space, answer);
        if (difference !== null) fail(difference);
      }

      for (const [key, { isDeleted, episodes }] of model) {
        const [namespace = '', slug = ''] = key.split('/');
        const owner = clientOf(ownerOf(namespace), 0);
        const path = `/namespaces/${slugOf(namespace)}/projects/${slug}`;
        if (isDeleted) await owner.post(`${path}/restore`);
        const active = [...episodes.values()].filter((episode) => !episode.isDeleted);
        const { json } = await owner.get(path);
        const assets = active.reduce((sum, episode) => sum + episode.assets.size, 0);
        const shown = [pick(json, 'contents', 'episodes'), pick(json, 'contents', 'assets')];
        if (shown[0] !== active.length || shown[1] !== assets) {
          throw new Error(`${key} shows ${shown.join()}, not ${active.length},${assets}`);
        }
      }
    },
  );
  await fc.assert(property, { ...settings, endOnFailure: true });
  for (const key of [
    ...['upsert 201', 'upsert 200', 'upsert 403', 'upsert 404', 'upsert 410', 'update 200'],
    ...['asset 201', 'asset 409', 'deleteAsset 204', 'delete 204', 'restore 200', 'get 200'],
  ]) {
    t.ok((counts.get(key) ?? 0) > 0, `${key} occurs`);
  }
  t.comment(JSON.stringify(Object.fromEntries([...counts].sort())));
});

function send(
  client: { get: Get; post: Post; patch: Post; delete: Get },
  path: string,
  { type, name, status, folder, path: at }: Command,
  space: ModelSpace,
): Promise<Answer> {
  const episode = `${path}/episodes/${name}`;
  switch (type) {
    case 'upsert':
      return client.post(`${path}/episodes`, {
        name,
        ...(status !== null && { status }),
        ...(folder !== null && { folder }),
      });
    case 'update':
      return client.patch(episode, { status: status ?? 'archived' });
    case 'protect':
      return client.patch(episode, { writeProtected: true });
    case 'delete':
      return client.delete(episode);
    case 'restore':
      return client.post(`${episode}/restore`);
    case 'asset':
      return client.post(`${path}/assets`, {
        path: at,
        kind: 'file',
        uri: 'urn:a:b',
        episode: name,
      });
    case 'deleteAsset':
      return client.delete(`${path}/assets/${space.episodes.get(name)?.assets.get(at) ?? 'none'}`);
    case 'listAssets':
      return client.get(`${path}/assets?episode=${name}`);
    case 'listEpisodes':
      return client.get(`${path}/episodes?sort=name`);
    case 'deleteSpace':
      return client.delete(path);
    case 'restoreSpace':
      return client.post(`${path}/restore`);
    default:
      return client.get(episode);
  }
}
type Get = (path: string) => Promise<Answer>;
type Post = (path: string, body?: unknown) => Promise<Answer>;
