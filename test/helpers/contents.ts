import { type Static, type TProperties, Type } from '@sinclair/typebox';
import type { Test } from 'tap';
import { type Client, type Service, startService } from './app.js';
import { read } from './spaces.js';

// The bodies of docs/api.md, defined independently of `src`: exactly these members.
const exactly = { additionalProperties: false };
const nullableText = Type.Union([Type.String(), Type.Null()]);
const metadata = Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]);
const written = {
  createdAt: Type.String(),
  updatedAt: Type.String(),
  version: Type.Integer(),
};

export const Folder = Type.Object(
  { id: Type.String(), path: Type.String(), name: Type.String(), metadata, ...written },
  exactly,
);

export const Episode = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    description: nullableText,
    tags: Type.Array(Type.String()),
    status: Type.String(),
    writeProtected: Type.Boolean(),
    folder: Type.String(),
    metadata,
    ...written,
  },
  exactly,
);

export const Asset = Type.Object(
  {
    id: Type.String(),
    path: Type.String(),
    name: Type.String(),
    kind: Type.String(),
    uri: Type.String(),
    contentType: nullableText,
    sizeBytes: Type.Union([Type.Integer(), Type.Null()]),
    checksum: nullableText,
    tags: Type.Array(Type.String()),
    metadata,
    episode: nullableText,
    ...written,
  },
  exactly,
);

const page = {
  page: Type.Integer(),
  pageSize: Type.Integer(),
  total: Type.Integer(),
  totalPages: Type.Integer(),
};
const listOf = <Properties extends TProperties>(properties: Properties) =>
  Type.Object({ ...properties, ...page }, exactly);

const FolderList = listOf({ folders: Type.Array(Folder) });
const EpisodeList = listOf({ episodes: Type.Array(Episode) });
const AssetList = listOf({ assets: Type.Array(Asset) });
const Details = Type.Object({
  contents: Type.Object(
    { folders: Type.Integer(), episodes: Type.Integer(), assets: Type.Integer() },
    exactly,
  ),
});

type Fields = Record<string, unknown>;

/** An empty space, and calls in it as the owner. */
export interface Lab {
  path: string;
  /** @throws when the folder exists */
  folder: (path: string, fields?: Fields) => Promise<Static<typeof Folder>>;
  /** creates or updates an episode */
  episode: (name: string, fields?: Fields) => Promise<Static<typeof Episode>>;
  asset: (path: string, fields?: Fields) => Promise<Static<typeof Asset>>;
  getEpisode: (name: string) => Promise<Static<typeof Episode>>;
  getFolder: (id: string) => Promise<Static<typeof Folder>>;
  getAsset: (id: string) => Promise<Static<typeof Asset>>;
  /** @param query such as `?recursive=true` */
  folders: (query?: string) => Promise<Static<typeof FolderList>>;
  episodes: (query?: string) => Promise<Static<typeof EpisodeList>>;
  assets: (query?: string) => Promise<Static<typeof AssetList>>;
  contents: () => Promise<Static<typeof Details>['contents']>;
}

/** Required fields of an asset that a test does not check. */
export const anyAsset = { kind: 'file', uri: 's3://bucket/key' };

/** @returns the service, the owner of its namespace `acme`, and a function that creates an empty space */
export async function startLabs(t: Test): Promise<{
  service: Service;
  owner: Client;
  makeLab: () => Promise<Lab>;
}> {
  const service = await startService(t);
  const owner = await service.as('owner');
  await owner.post('/namespaces', { slug: 'acme' });
  let labs = 0;
  return {
    service,
    owner,
    async makeLab() {
      const slug = `lab-${++labs}`;
      await owner.post('/namespaces/acme/spaces', { name: 'Lab', slug });
      return labAt(owner, `/namespaces/acme/projects/${slug}`);
    },
  };
}

function labAt(owner: Client, path: string): Lab {
  const episodePath = (name: string) => `${path}/episodes/${encodeURIComponent(name)}`;
  return {
    path,
    folder: async (at, fields) =>
      read(await owner.post(`${path}/folders`, { path: at, ...fields }), Folder),
    episode: async (name, fields) =>
      read(await owner.post(`${path}/episodes`, { name, ...fields }), Episode),
    asset: async (at, fields) =>
      read(await owner.post(`${path}/assets`, { ...anyAsset, path: at, ...fields }), Asset),
    getEpisode: async (name) => read(await owner.get(episodePath(name)), Episode),
    getFolder: async (id) => read(await owner.get(`${path}/folders/${id}`), Folder),
    getAsset: async (id) => read(await owner.get(`${path}/assets/${id}`), Asset),
    folders: async (query = '') => read(await owner.get(`${path}/folders${query}`), FolderList),
    episodes: async (query = '') => read(await owner.get(`${path}/episodes${query}`), EpisodeList),
    assets: async (query = '') => read(await owner.get(`${path}/assets${query}`), AssetList),
    contents: async () => read(await owner.get(path), Details).contents,
  };
}
