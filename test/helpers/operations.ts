import { sql } from 'drizzle-orm';
import type { Scope } from '../../src/http/auth/scopes.js';
import type { Role } from '../../src/repositories/access/principal.js';
import type { Send, Service } from './app.js';

/** A request that every operation can be tried with, on a namespace made by `furnish`. */
export interface Operation {
  /** the operationId, with the path or the media type where several requests share it */
  title: string;
  id: string;
  scope: Scope;
  /** the least role it takes; null for what is not within a namespace */
  role: Role | null;
  /** what a caller who may is answered */
  status: number;
  request: (namespace: string) => Send;
}

/** Who is in a namespace made by `furnish`, by role. */
export const members = { owner: 'olga', editor: 'ed', viewer: 'vic' } as const;

/** A member of no role of its own, to be removed. */
export const MEMBER = 'mia';

/** Makes a namespace in which every one of `operations` finds what it needs. */
export async function seedNamespace(service: Service, slug: string): Promise<void> {
  const owner = await service.as(members.owner);
  await owner.post('/namespaces', { slug });
  await owner.put(`/namespaces/${slug}/members/${members.editor}`, { role: 'editor' });
  await owner.put(`/namespaces/${slug}/members/${members.viewer}`, { role: 'viewer' });
  await owner.put(`/namespaces/${slug}/members/${MEMBER}`, { role: 'viewer' });
  await owner.post(`/namespaces/${slug}/spaces`, { name: 'Lab' });
  await owner.post(`/namespaces/${slug}/spaces`, { name: 'Gone' });
  const answer = await owner.delete(`/namespaces/${slug}/projects/gone`);
  if (answer.status !== 204) throw new Error(`The namespace was not made: ${answer.text}`);
  await seedSpace(service, slug);
}

/** The ids of what `furnishSpace` makes: the same in every space, because no key reaches past one. */
export const FOLDER = '01900000-0000-7000-8000-00000000000f';
export const ASSET = '01900000-0000-7000-8000-00000000000a';
export const GONE_ASSET = '01900000-0000-7000-8000-00000000000b';

/** Fills the space `lab` with what the operations on its contents need, in one statement. */
async function seedSpace({ db }: Service, namespace: string): Promise<void> {
  const [runs, run, gone] = ['c', 'd', 'e'].map(
    (digit) => `01900000-0000-7000-8000-00000000000${digit}`,
  );
  await db.execute(sql`
    with space as (
      select namespace_id, id as space_id from spaces
      where slug = 'lab' and deleted_at is null and namespace_id = (
        select id from namespaces where slug = ${namespace} and deleted_at is null)
    ), made_tree as (
      insert into folder_trees (namespace_id, space_id, revision) select space.*, 0 from space
    ), made_folders as (
      insert into folders (namespace_id, space_id, id, path)
      select space.*, id, path from space,
        (values (${FOLDER}::uuid, '/empty'), (${runs}::uuid, '/runs')) as made (id, path)
    ), made_episodes as (
      insert into episodes (namespace_id, space_id, id, name, tags, status, write_protected, folder_id, deleted_at)
      select space.*, id, name, '[]', 'running', false, folder_id, deleted_at from space,
        (values (${run}::uuid, 'run', ${runs}::uuid, null), (${gone}::uuid, 'gone', null, now()))
          as made (id, name, folder_id, deleted_at)
    ), made_assets as (
      insert into assets (namespace_id, space_id, id, local_path, kind, uri, tags, deleted_at)
      select space.*, id, path, 'file', 's3://bucket/key', '[]', deleted_at from space,
        (values (${ASSET}::uuid, '/file.txt', null), (${GONE_ASSET}::uuid, '/gone.txt', now()))
          as made (id, path, deleted_at)
    )
    insert into content_counters (namespace_id, space_id, kind, slot, active)
    select space.*, kind::content_kind, 0, active from space,
      (values ('folders', 2), ('episodes', 1), ('assets', 1)) as counted (kind, active)`);
}

const mergePatch = { 'content-type': 'application/merge-patch+json' };

const namespaceOperations: Operation[] = [
  {
    title: 'listNamespaces',
    id: 'listNamespaces',
    scope: 'namespaces:read',
    role: null,
    status: 200,
    request: () => ({ method: 'GET', path: '/namespaces' }),
  },
  {
    title: 'createNamespace',
    id: 'createNamespace',
    scope: 'namespaces:write',
    role: null,
    status: 201,
    request: (namespace) => ({
      method: 'POST',
      path: '/namespaces',
      body: { slug: `another-${namespace}` },
    }),
  },
  {
    title: 'getNamespace',
    id: 'getNamespace',
    scope: 'namespaces:read',
    role: 'viewer',
    status: 200,
    request: (namespace) => ({ method: 'GET', path: `/namespaces/${namespace}` }),
  },
  {
    title: 'updateNamespace',
    id: 'updateNamespace',
    scope: 'namespaces:write',
    role: 'owner',
    status: 200,
    request: (namespace) => ({
      method: 'PATCH',
      path: `/namespaces/${namespace}`,
      body: { name: 'Renamed' },
    }),
  },
  {
    title: 'updateNamespace, merge patch',
    id: 'updateNamespace',
    scope: 'namespaces:write',
    role: 'owner',
    status: 200,
    request: (namespace) => ({
      method: 'PATCH',
      path: `/namespaces/${namespace}`,
      body: { metadata: { team: 'a' } },
      headers: mergePatch,
    }),
  },
  {
    title: 'deleteNamespace',
    id: 'deleteNamespace',
    scope: 'namespaces:write',
    role: 'owner',
    status: 204,
    request: (namespace) => ({ method: 'DELETE', path: `/namespaces/${namespace}` }),
  },
  {
    title: 'restoreNamespace',
    id: 'restoreNamespace',
    scope: 'namespaces:write',
    role: 'owner',
    status: 200,
    request: (namespace) => ({ method: 'POST', path: `/namespaces/${namespace}/restore` }),
  },
  {
    title: 'listMembers',
    id: 'listMembers',
    scope: 'namespaces:read',
    role: 'viewer',
    status: 200,
    request: (namespace) => ({ method: 'GET', path: `/namespaces/${namespace}/members` }),
  },
  {
    title: 'putMember',
    id: 'putMember',
    scope: 'namespaces:write',
    role: 'owner',
    status: 201,
    request: (namespace) => ({
      method: 'PUT',
      path: `/namespaces/${namespace}/members/newcomer`,
      body: { role: 'viewer' },
    }),
  },
  {
    title: 'removeMember',
    id: 'removeMember',
    scope: 'namespaces:write',
    role: 'owner',
    status: 204,
    request: (namespace) => ({
      method: 'DELETE',
      path: `/namespaces/${namespace}/members/${MEMBER}`,
    }),
  },
];

/** The operations on spaces under one of their two nouns. */
function spaceOperations(noun: 'spaces' | 'projects'): Operation[] {
  const collection = (namespace: string) => `/namespaces/${namespace}/${noun}`;
  return [
    {
      title: `listSpaces, ${noun}`,
      id: 'listSpaces',
      scope: 'spaces:read',
      role: 'viewer',
      status: 200,
      request: (namespace) => ({ method: 'GET', path: collection(namespace) }),
    },
    {
      title: `createSpace, ${noun}`,
      id: 'createSpace',
      scope: 'spaces:write',
      role: 'editor',
      status: 201,
      request: (namespace) => ({
        method: 'POST',
        path: collection(namespace),
        body: { name: 'New' },
      }),
    },
    {
      title: `createSpaces, ${noun}`,
      id: 'createSpaces',
      scope: 'spaces:write',
      role: 'editor',
      status: 201,
      request: (namespace) => ({
        method: 'POST',
        path: `${collection(namespace)}/batch`,
        body: { spaces: [{ name: 'One' }, { name: 'Two' }] },
      }),
    },
    {
      title: `ensureSpace, ${noun}`,
      id: 'ensureSpace',
      scope: 'spaces:write',
      role: 'editor',
      status: 201,
      request: (namespace) => ({
        method: 'PUT',
        path: `${collection(namespace)}/new`,
        body: { name: 'New' },
      }),
    },
    {
      title: `ensureSpace, ${noun}, of what is there`,
      id: 'ensureSpace',
      scope: 'spaces:write',
      role: 'editor',
      status: 200,
      request: (namespace) => ({
        method: 'PUT',
        path: `${collection(namespace)}/lab`,
        body: { name: 'Lab' },
      }),
    },
    {
      title: `getSpace, ${noun}`,
      id: 'getSpace',
      scope: 'spaces:read',
      role: 'viewer',
      status: 200,
      request: (namespace) => ({ method: 'GET', path: `${collection(namespace)}/lab` }),
    },
    {
      title: `updateSpace, ${noun}`,
      id: 'updateSpace',
      scope: 'spaces:write',
      role: 'editor',
      status: 200,
      request: (namespace) => ({
        method: 'PATCH',
        path: `${collection(namespace)}/lab`,
        body: { description: 'Updated' },
      }),
    },
    {
      title: `updateSpace, ${noun}, merge patch`,
      id: 'updateSpace',
      scope: 'spaces:write',
      role: 'editor',
      status: 200,
      request: (namespace) => ({
        method: 'PATCH',
        path: `${collection(namespace)}/lab`,
        body: { metadata: { team: 'a' } },
        headers: mergePatch,
      }),
    },
    {
      title: `deleteSpace, ${noun}`,
      id: 'deleteSpace',
      scope: 'spaces:write',
      role: 'editor',
      status: 204,
      request: (namespace) => ({ method: 'DELETE', path: `${collection(namespace)}/lab` }),
    },
    {
      title: `restoreSpace, ${noun}`,
      id: 'restoreSpace',
      scope: 'spaces:write',
      role: 'editor',
      status: 200,
      request: (namespace) => ({ method: 'POST', path: `${collection(namespace)}/gone/restore` }),
    },
  ];
}

type Described = Pick<Operation, 'id' | 'status'> & {
  /** tells requests of one operation apart */
  which?: string;
  method: Send['method'];
  /** behind the path of the space */
  path: string;
  body?: object;
  headers?: Record<string, string>;
};

const newAsset = { kind: 'video', uri: 's3://bucket/new.mp4' };
const metadata = { metadata: { team: 'a' } };

const contentOperations: Described[] = [
  { id: 'listFolders', status: 200, method: 'GET', path: '/folders' },
  { id: 'createFolder', status: 201, method: 'POST', path: '/folders', body: { path: '/a/b' } },
  { id: 'getFolder', status: 200, method: 'GET', path: `/folders/${FOLDER}` },
  {
    id: 'updateFolder',
    status: 200,
    method: 'PATCH',
    path: `/folders/${FOLDER}`,
    body: { path: '/moved/here' },
  },
  {
    id: 'updateFolder',
    which: 'merge patch',
    status: 200,
    method: 'PATCH',
    path: `/folders/${FOLDER}`,
    body: metadata,
    headers: mergePatch,
  },
  { id: 'deleteFolder', status: 204, method: 'DELETE', path: `/folders/${FOLDER}` },
  { id: 'listEpisodes', status: 200, method: 'GET', path: '/episodes' },
  {
    id: 'upsertEpisode',
    status: 201,
    method: 'POST',
    path: '/episodes',
    body: { name: 'new', folder: '/made' },
  },
  {
    id: 'upsertEpisode',
    which: 'of what is there',
    status: 200,
    method: 'POST',
    path: '/episodes',
    body: { name: 'run', status: 'completed' },
  },
  { id: 'getEpisode', status: 200, method: 'GET', path: '/episodes/run' },
  {
    id: 'updateEpisode',
    status: 200,
    method: 'PATCH',
    path: '/episodes/run',
    body: { folder: '/other' },
  },
  {
    id: 'updateEpisode',
    which: 'merge patch',
    status: 200,
    method: 'PATCH',
    path: '/episodes/run',
    body: metadata,
    headers: mergePatch,
  },
  { id: 'deleteEpisode', status: 204, method: 'DELETE', path: '/episodes/run' },
  { id: 'restoreEpisode', status: 200, method: 'POST', path: '/episodes/gone/restore' },
  { id: 'listAssets', status: 200, method: 'GET', path: '/assets' },
  {
    id: 'createAsset',
    status: 201,
    method: 'POST',
    path: '/assets',
    body: { ...newAsset, path: '/new.mp4', episode: 'run' },
  },
  {
    id: 'createAssets',
    status: 201,
    method: 'POST',
    path: '/assets/batch',
    body: {
      assets: [
        { ...newAsset, path: '/new.mp4', episode: 'run' },
        { ...newAsset, path: '/clips/new.mp4' },
      ],
    },
  },
  { id: 'getAsset', status: 200, method: 'GET', path: `/assets/${ASSET}` },
  {
    id: 'updateAsset',
    status: 200,
    method: 'PATCH',
    path: `/assets/${ASSET}`,
    body: { path: '/moved/file.txt' },
  },
  {
    id: 'updateAsset',
    which: 'merge patch',
    status: 200,
    method: 'PATCH',
    path: `/assets/${ASSET}`,
    body: metadata,
    headers: mergePatch,
  },
  { id: 'deleteAsset', status: 204, method: 'DELETE', path: `/assets/${ASSET}` },
  { id: 'restoreAsset', status: 200, method: 'POST', path: `/assets/${GONE_ASSET}/restore` },
];

/** One operation of each resource, tried under the other noun too. */
const ALIASES = ['listFolders', 'upsertEpisode', 'getAsset'];

/** The operations on what a space contains, under one of its two nouns. */
function operationsInSpace(noun: 'spaces' | 'projects'): Operation[] {
  return contentOperations.map(({ id, which, status, method, path, body, headers }) => ({
    title: [id, noun, which].filter((part) => part !== undefined).join(', '),
    id,
    scope: method === 'GET' ? 'spaces:read' : 'spaces:write',
    role: method === 'GET' ? 'viewer' : 'editor',
    status,
    request: (namespace) => ({
      method,
      path: `/namespaces/${namespace}/${noun}/lab${path}`,
      ...(body && { body }),
      ...(headers && { headers }),
    }),
  }));
}

/** Every operation of the service that takes a token, by every path that answers. */
export const operations: Operation[] = [
  ...namespaceOperations,
  ...spaceOperations('spaces'),
  ...spaceOperations('projects'),
  ...operationsInSpace('projects'),
  // `contents.test.ts` shows that every path answers under this noun alike.
  ...operationsInSpace('spaces').filter(({ id }) => ALIASES.includes(id)),
];

/** Those that are about one namespace. */
export const operationsWithin = operations.filter(({ role }) => role !== null);
