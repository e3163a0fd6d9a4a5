/**
 * Episodes and assets of several tenants, which have the same names in all of their spaces, are written and read
 * by owners, viewers and strangers, through two processes that remember ids. A model says what each
 * answer is, and what the database holds in the end.
 */
import fc from 'fast-check';
import { test } from 'tap';
import { type Answer, startService } from '../helpers/app.js';
import { pick } from '../helpers/json.js';
import { parameters } from './parameters.js';

const RUNS = 25;

const namespaces = ['n0', 'n1'] as const;
const spaceSlugs = ['s0', 's1'] as const;
const statuses = ['running', 'completed', 'failed'] as const;

/** The role of each subject in each namespace; all others are strangers. */
const roles: Record<string, Partial<Record<string, 'owner' | 'editor' | 'viewer'>>> = {
  n0: { olga: 'owner', ed: 'editor', vic: 'viewer' },
  n1: { eve: 'owner', olga: 'viewer' },
};

/** The first of the values three times in four. */
const often = (first: string, ...others: string[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(first) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );

const command = fc.record({
  type: fc.constantFrom(
    'upsert',
    'upsert',
    'upsert',
    'get',
    'update',
    'protect',
    'delete',
    'restore',
    'asset',
    'asset',
    'deleteAsset',
    'asset',
    'deleteAsset',
    'delete',
    'update',
    'restore',
    'restore',
    'listAssets',
    'listEpisodes',
    'deleteSpace',
    'restoreSpace',
    'restoreSpace',
    'restoreSpace',
  ),
  subject: often('olga', 'ed', 'eve', 'vic', 'nobody'),
  namespace: often(...namespaces),
  space: often(...spaceSlugs),
  name: often('e0', 'e1', 'e2'),
  status: fc.option(fc.constantFrom(...statuses)),
  folder: fc.option(fc.constantFrom('/', '/a', '/a/b')),
  path: fc.constantFrom('/x', '/y'),
  process: fc.nat(1),
});
type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never;

interface ModelEpisode {
  status: string;
  folder: string;
  isProtected: boolean;
  isDeleted: boolean;
  /** the ids of its assets, by path; null for one that is deleted */
  assets: Map<string, string>;
}

interface ModelSpace {
  isDeleted: boolean;
  episodes: Map<string, ModelEpisode>;
}

const ownerOf = (namespace: string) => (namespace === 'n0' ? 'olga' : 'eve');

const isWrite = ({ type }: Command) => !['get', 'listAssets', 'listEpisodes'].includes(type);

/** @returns the status and the code of what the caller may not or cannot do, null where the command is carried out */
function refusal(each: Command, space: ModelSpace): [number, string] | null {
  const role = roles[each.namespace]?.[each.subject];
  if (!role) return [404, 'namespace_not_found'];
  if (isWrite(each) && role === 'viewer') return [403, 'insufficient_role'];
  if (each.type !== 'restoreSpace' && space.isDeleted) return [404, 'space_not_found'];
  const episode = space.episodes.get(each.name);
  const isThere = episode !== undefined && !episode.isDeleted;
  switch (each.type) {
    case 'upsert':
      if (episode?.isDeleted) return [410, 'episode_deleted'];
      return episode?.isProtected && (each.status !== null || each.folder !== null)
        ? [403, 'write_protected']
        : null;
    case 'get':
      return isThere ? null : [404, 'episode_not_found'];
    case 'restore':
      return episode ? null : [404, 'episode_not_found'];
    case 'update':
    case 'protect':
    case 'delete':
      if (!isThere) return [404, 'episode_not_found'];
      return episode.isProtected ? [403, 'write_protected'] : null;
    case 'asset':
      if (!isThere) return [404, 'episode_not_found'];
      if (episode.isProtected) return [403, 'write_protected'];
      return episode.assets.has(each.path) ? [409, 'path_conflict'] : null;
    case 'deleteAsset':
      if (!isThere || !episode.assets.has(each.path)) return [404, 'asset_not_found'];
      return episode.isProtected ? [403, 'write_protected'] : null;
    default:
      return null;
  }
}

test('tenants see their own recordings and nothing else, and each answer is what the model says', async (t) => {
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
    if (!client) throw new Error(`Nobody is called ${subject}`);
    return client;
  };
  let trial = 0;
  const met = new Map<string, number>();

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
        const expected = refusal(each, space);
        const found = [answer.status, pick(answer.json, 'code')];
        const key = `${each.type} ${answer.status}`;
        met.set(key, (met.get(key) ?? 0) + 1);
        const say = (words: string) => {
          throw new Error(`${words}: ${JSON.stringify(each)} -> ${answer.status} ${answer.text}`);
        };
        if (expected) {
          if (found[0] !== expected[0] || found[1] !== expected[1])
            say(`Not ${expected.join(' ')}`);
          continue;
        }
        const difference = carryOut(each, space, answer);
        if (difference !== null) say(difference);
      }

      for (const [key, { isDeleted, episodes }] of model) {
        const [namespace = '', slug = ''] = key.split('/');
        const owner = clientOf(ownerOf(namespace), 0);
        const path = `/namespaces/${slugOf(namespace)}/projects/${slug}`;
        if (isDeleted) await owner.post(`${path}/restore`);
        const present = [...episodes.values()].filter((episode) => !episode.isDeleted);
        const { json } = await owner.get(path);
        const assets = present.reduce((sum, episode) => sum + episode.assets.size, 0);
        const shown = [pick(json, 'contents', 'episodes'), pick(json, 'contents', 'assets')];
        if (shown[0] !== present.length || shown[1] !== assets) {
          throw new Error(`${key} shows ${shown.join()}, not ${present.length},${assets}`);
        }
      }
    },
  );
  await fc.assert(property, { ...settings, endOnFailure: true });
  for (const key of [
    ...['upsert 201', 'upsert 200', 'upsert 403', 'upsert 404', 'upsert 410', 'update 200'],
    ...['asset 201', 'asset 409', 'deleteAsset 204', 'delete 204', 'restore 200', 'get 200'],
  ]) {
    t.ok((met.get(key) ?? 0) > 0, `${key} was met`);
  }
  t.comment(JSON.stringify(Object.fromEntries([...met].sort())));
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

/** Has the effect in the model. @returns in what the answer is not what the model says, or null */
function carryOut(each: Command, space: ModelSpace, { status, json }: Answer): string | null {
  const episode = space.episodes.get(each.name);
  const shows = (expected: ModelEpisode) =>
    pick(json, 'status') === expected.status &&
    pick(json, 'folder') === expected.folder &&
    pick(json, 'writeProtected') === expected.isProtected
      ? null
      : `Not ${JSON.stringify(expected)}`;
  switch (each.type) {
    case 'upsert': {
      const made = { status: 'running', folder: '/', isProtected: false, isDeleted: false };
      const written = episode ?? { ...made, assets: new Map<string, string>() };
      written.status = each.status ?? written.status;
      written.folder = each.folder ?? written.folder;
      space.episodes.set(each.name, written);
      return status === (episode ? 200 : 201) ? shows(written) : `Not ${episode ? 200 : 201}`;
    }
    case 'listEpisodes': {
      const names = [...space.episodes].filter(([, { isDeleted }]) => !isDeleted);
      const listed: unknown = pick(json, 'episodes');
      const found = (Array.isArray(listed) ? listed : []).map((item: unknown) =>
        pick(item, 'name'),
      );
      const expected = names.map(([name]) => name).sort();
      return found.join() === expected.join() ? null : `Not ${expected.join()}`;
    }
    case 'listAssets': {
      const expected = episode && !episode.isDeleted ? [...episode.assets.values()].sort() : [];
      const listed: unknown = pick(json, 'assets');
      const found = (Array.isArray(listed) ? listed : []).map((item: unknown) => pick(item, 'id'));
      return found.sort().join() === expected.join() ? null : `Not ${expected.join()}`;
    }
    case 'deleteSpace':
    case 'restoreSpace':
      space.isDeleted = each.type === 'deleteSpace';
      return status === (space.isDeleted ? 204 : 200) ? null : 'Not carried out';
    default:
      if (!episode) return 'There is no such episode in the model';
  }
  if (each.type === 'delete' || each.type === 'restore') {
    episode.isDeleted = each.type === 'delete';
    return each.type === 'restore' ? shows(episode) : null;
  }
  if (each.type === 'update') episode.status = each.status ?? 'archived';
  if (each.type === 'protect') episode.isProtected = true;
  if (each.type === 'asset') episode.assets.set(each.path, String(pick(json, 'id')));
  if (each.type === 'deleteAsset') episode.assets.delete(each.path);
  return each.type === 'asset' || each.type === 'deleteAsset' ? null : shows(episode);
}
