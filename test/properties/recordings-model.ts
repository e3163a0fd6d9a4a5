/** The model of `recordings.test.ts`: the effect of each command and its response. */
import fc from 'fast-check';
import type { Answer } from '../helpers/app.js';
import { pick } from '../helpers/json.js';

export const namespaces = ['n0', 'n1'] as const;
export const spaceSlugs = ['s0', 's1'] as const;
const statuses = ['running', 'completed', 'failed'] as const;

/** The role of each subject in each namespace; all others are strangers. */
export const roles: Record<string, Partial<Record<string, 'owner' | 'editor' | 'viewer'>>> = {
  n0: { olga: 'owner', ed: 'editor', vic: 'viewer' },
  n1: { eve: 'owner', olga: 'viewer' },
};

/** @returns the first value in three of four cases */
const often = (first: string, ...others: string[]) =>
  fc.oneof(
    { weight: 3, arbitrary: fc.constant(first) },
    { weight: 1, arbitrary: fc.constantFrom(...others) },
  );

export const command = fc.record({
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
export type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never;

export interface ModelEpisode {
  status: string;
  folder: string;
  isProtected: boolean;
  isDeleted: boolean;
  /** the ids of its active assets, by path */
  assets: Map<string, string>;
}

export interface ModelSpace {
  isDeleted: boolean;
  episodes: Map<string, ModelEpisode>;
}

export const ownerOf = (namespace: string) => (namespace === 'n0' ? 'olga' : 'eve');

const isWrite = ({ type }: Command) => !['get', 'listAssets', 'listEpisodes'].includes(type);

/** @returns the status and code of a rejected command, null for an executed one */
export function expectedProblem(each: Command, space: ModelSpace): [number, string] | null {
  const role = roles[each.namespace]?.[each.subject];
  if (!role) return [404, 'namespace_not_found'];
  if (isWrite(each) && role === 'viewer') return [403, 'insufficient_role'];
  if (each.type !== 'restoreSpace' && space.isDeleted) return [404, 'space_not_found'];
  const episode = space.episodes.get(each.name);
  const isActive = episode !== undefined && !episode.isDeleted;
  switch (each.type) {
    case 'upsert':
      if (episode?.isDeleted) return [410, 'episode_deleted'];
      return episode?.isProtected && (each.status !== null || each.folder !== null)
        ? [403, 'write_protected']
        : null;
    case 'get':
      return isActive ? null : [404, 'episode_not_found'];
    case 'restore':
      return episode ? null : [404, 'episode_not_found'];
    case 'update':
    case 'protect':
    case 'delete':
      if (!isActive) return [404, 'episode_not_found'];
      return episode.isProtected ? [403, 'write_protected'] : null;
    case 'asset':
      if (!isActive) return [404, 'episode_not_found'];
      if (episode.isProtected) return [403, 'write_protected'];
      return episode.assets.has(each.path) ? [409, 'path_conflict'] : null;
    case 'deleteAsset':
      if (!isActive || !episode.assets.has(each.path)) return [404, 'asset_not_found'];
      return episode.isProtected ? [403, 'write_protected'] : null;
    default:
      return null;
  }
}

/** Executes a command in the model. @returns the difference between the response and the model, or null */
export function execute(each: Command, space: ModelSpace, { status, json }: Answer): string | null {
  const episode = space.episodes.get(each.name);
  const shows = (expected: ModelEpisode) =>
    pick(json, 'status') === expected.status &&
    pick(json, 'folder') === expected.folder &&
    pick(json, 'writeProtected') === expected.isProtected
      ? null
      : `Not ${JSON.stringify(expected)}`;
  switch (each.type) {
    case 'upsert': {
      const defaults = { status: 'running', folder: '/', isProtected: false, isDeleted: false };
      const written = episode ?? { ...defaults, assets: new Map<string, string>() };
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
      return status === (space.isDeleted ? 204 : 200) ? null : `Not ${space.isDeleted ? 204 : 200}`;
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
