import type { Scope } from '../../src/http/auth.js';
import type { Role } from '../../src/repositories/access.js';
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
export const people = { owner: 'olga', editor: 'ed', viewer: 'vic' } as const;

/** A member of no role of its own, to be removed. */
export const MEMBER = 'mia';

/** Makes a namespace in which every one of `operations` finds what it needs. */
export async function furnish(service: Service, slug: string): Promise<void> {
  const owner = await service.as(people.owner);
  await owner.post('/namespaces', { slug });
  await owner.put(`/namespaces/${slug}/members/${people.editor}`, { role: 'editor' });
  await owner.put(`/namespaces/${slug}/members/${people.viewer}`, { role: 'viewer' });
  await owner.put(`/namespaces/${slug}/members/${MEMBER}`, { role: 'viewer' });
  await owner.post(`/namespaces/${slug}/spaces`, { name: 'Lab' });
  await owner.post(`/namespaces/${slug}/spaces`, { name: 'Gone' });
  const answer = await owner.delete(`/namespaces/${slug}/projects/gone`);
  if (answer.status !== 204) throw new Error(`The namespace was not made: ${answer.text}`);
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

/** Every operation of the service that takes a token, by every path that answers. */
export const operations: Operation[] = [
  ...namespaceOperations,
  ...spaceOperations('spaces'),
  ...spaceOperations('projects'),
];

/** Those that are about one namespace. */
export const operationsWithin = operations.filter(({ role }) => role !== null);
