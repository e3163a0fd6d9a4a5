import { MEMBER } from '../seed.js';
import { mergePatch, type Operation } from './operation.js';

export const namespaceOperations: Operation[] = [
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
  {
    title: 'getNamespaceErasure',
    id: 'getNamespaceErasure',
    scope: 'namespaces:read',
    role: 'owner',
    // No active namespace is being erased.
    status: 404,
    request: (namespace) => ({ method: 'GET', path: `/namespaces/${namespace}/erasure` }),
  },
];

/** The last operation, because it erases the resources of the others. */
export const permanentDeletion: Operation = {
  title: 'deleteNamespace, permanent',
  id: 'deleteNamespace',
  scope: 'namespaces:write',
  role: 'owner',
  status: 204,
  request: (namespace) => ({ method: 'DELETE', path: `/namespaces/${namespace}?permanent=true` }),
};
