/** Every operation that accepts an `Idempotency-Key`. */
import { randomUUID } from 'node:crypto';
import type { Answer, Client } from '../../../helpers/app.js';
import { pick } from '../../../helpers/json.js';

export const spaces = '/namespaces/acme/spaces';
export const lab = '/namespaces/acme/projects/lab';

export const makeLab = (owner: Client) => owner.post(spaces, { name: 'Lab' });

/** @returns the path of the first item of a list, or of no item where the list is empty */
async function firstOf(owner: Client, kind: 'folders' | 'assets', query: string): Promise<string> {
  const id = pick((await owner.get(`${lab}/${kind}${query}`)).json, kind, 0, 'id');
  return `${lab}/${kind}/${typeof id === 'string' ? id : randomUUID()}`;
}

export interface KeyedOperation {
  title: string;
  path: string;
  body?: object;
  /** a body for the same statements that conflicts with nothing */
  other?: object;
  /** creates what the operation needs */
  prepare: (owner: Client) => Promise<unknown>;
  /** undoes the effect, so that a second effect would show */
  undo: (owner: Client) => Promise<Answer>;
  /** reads what the operation writes */
  read: (owner: Client) => Promise<Answer>;
}

export const operations: KeyedOperation[] = [
  {
    title: 'createSpace',
    path: spaces,
    body: { name: 'Lab', metadata: { nested: { list: [1, 'zwei', null] }, a: 'ä' } },
    prepare: () => Promise.resolve(),
    undo: (owner) => owner.delete(`${spaces}/lab`),
    read: (owner) => owner.get(`${spaces}/lab`),
  },
  {
    title: 'createSpaces',
    path: `${spaces}/batch`,
    body: { spaces: [{ name: 'Lab', metadata: { b: [1, 'zwei', null], a: 'ä' } }, { name: 'A' }] },
    other: { spaces: [{ name: 'Other' }] },
    prepare: () => Promise.resolve(),
    undo: async (owner) => {
      await owner.delete(`${spaces}/a`);
      return owner.delete(`${spaces}/lab`);
    },
    read: (owner) => owner.get(`${spaces}/lab`),
  },
  {
    title: 'restoreSpace',
    path: `${spaces}/lab/restore`,
    prepare: async (owner) => {
      await owner.post(spaces, { name: 'Lab', metadata: { a: 1 } });
      await owner.delete(`${spaces}/lab`);
    },
    undo: (owner) => owner.delete(`${spaces}/lab`),
    read: (owner) => owner.get(`${spaces}/lab`),
  },
  {
    title: 'createNamespace',
    path: '/namespaces',
    body: { slug: 'team', name: 'Team', metadata: { a: { b: [] } } },
    prepare: () => Promise.resolve(),
    undo: (owner) => owner.delete('/namespaces/team'),
    read: (owner) => owner.get('/namespaces/team'),
  },
  {
    title: 'restoreNamespace',
    path: '/namespaces/team/restore',
    // A second deleted namespace must not be confused with the restored one.
    prepare: async (owner) => {
      for (const space of ['One', 'Two']) {
        await owner.post('/namespaces', { slug: 'team' });
        await owner.post('/namespaces/team/spaces', { name: space });
        await owner.delete('/namespaces/team');
      }
    },
    undo: (owner) => owner.delete('/namespaces/team'),
    read: (owner) => owner.get('/namespaces/team'),
  },
  {
    title: 'createFolder',
    path: `${lab}/folders`,
    body: { path: '/a/b', metadata: { z: 1, a: [null] } },
    other: { path: '/other' },
    prepare: makeLab,
    undo: async (owner) => owner.delete(await firstOf(owner, 'folders', '?parent=/a')),
    read: async (owner) => owner.get(await firstOf(owner, 'folders', '?parent=/a')),
  },
  {
    title: 'upsertEpisode',
    path: `${lab}/episodes`,
    body: { name: 'run', folder: '/runs', metadata: { z: 1, a: [null] } },
    other: { name: 'other', folder: '/runs' },
    prepare: makeLab,
    // A deleted episode keeps its name.
    undo: async (owner) => {
      const name = randomUUID();
      await owner.patch(`${lab}/episodes/run`, { name });
      return owner.delete(`${lab}/episodes/${name}`);
    },
    read: (owner) => owner.get(`${lab}/episodes/run`),
  },
  {
    title: 'restoreEpisode',
    path: `${lab}/episodes/old/restore`,
    prepare: async (owner) => {
      await makeLab(owner);
      await owner.post(`${lab}/episodes`, { name: 'old', folder: '/runs' });
      await owner.delete(`${lab}/episodes/old`);
    },
    undo: (owner) => owner.delete(`${lab}/episodes/old`),
    read: (owner) => owner.get(`${lab}/episodes/old`),
  },
  {
    title: 'createAsset',
    path: `${lab}/assets`,
    body: {
      path: '/files/a.bin',
      kind: 'file',
      uri: 's3://bucket/a',
      metadata: { z: 1, a: [null] },
    },
    other: { path: '/files/b.bin', kind: 'file', uri: 's3://bucket/b' },
    prepare: makeLab,
    undo: async (owner) => owner.delete(await firstOf(owner, 'assets', '?prefix=/files/a.bin')),
    read: async (owner) => owner.get(await firstOf(owner, 'assets', '?prefix=/files/a.bin')),
  },
  {
    title: 'createAssets',
    path: `${lab}/assets/batch`,
    body: {
      assets: [
        { path: '/batch/a', kind: 'file', uri: 's3://bucket/a' },
        { path: '/batch/b', kind: 'file', uri: 's3://bucket/b' },
      ],
    },
    other: { assets: [{ path: '/other/a', kind: 'file', uri: 's3://bucket/a' }] },
    prepare: makeLab,
    undo: async (owner) => {
      await owner.delete(await firstOf(owner, 'assets', '?prefix=/batch/b'));
      return owner.delete(await firstOf(owner, 'assets', '?prefix=/batch/a'));
    },
    read: async (owner) => owner.get(await firstOf(owner, 'assets', '?prefix=/batch/a')),
  },
];

/** The operations that share their statement with another one are left out. */
export const distinctOperations = operations.filter(
  ({ title }) => !['createFolder', 'restoreEpisode', 'createAsset'].includes(title),
);
