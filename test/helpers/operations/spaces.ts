import { mergePatch, type Operation } from './operation.js';

/** The operations on spaces under one of their two nouns. */
export function spaceOperations(noun: 'spaces' | 'projects'): Operation[] {
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
      title: `ensureSpace, ${noun}, existing`,
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
      title: `deleteSpace, ${noun}, permanent`,
      id: 'deleteSpace',
      scope: 'spaces:write',
      role: 'owner',
      status: 204,
      request: (namespace) => ({
        method: 'DELETE',
        path: `${collection(namespace)}/lab?permanent=true`,
      }),
    },
    {
      title: `getSpaceErasure, ${noun}`,
      id: 'getSpaceErasure',
      scope: 'spaces:read',
      role: 'owner',
      status: 200,
      request: (namespace) => ({ method: 'GET', path: `${collection(namespace)}/erased/erasure` }),
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
