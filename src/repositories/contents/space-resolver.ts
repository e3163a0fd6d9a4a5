import { LRUCache } from 'lru-cache';
import type { Database } from '../../db/client.js';
import { isSlug } from '../../slug.js';
import { findSpace } from '../access/lookup.js';
import {
  type NamespaceScope,
  renamed,
  type ResolveNamespace,
} from '../access/namespace-resolver.js';
import { type Principal, principalParams, type Role } from '../access/principal.js';
import { executeOne } from '../access/statement.js';
import type { SpaceAccess } from './access.js';

/** Size of the cache of spaces, at about 300 bytes each. */
const REMEMBERED_SPACES = 50_000;

/** Maximum number of look-ups of a space that changes between its look-up and the statement. */
const ATTEMPTS = 3;

/** The space that a path names. */
export interface SpacePath {
  /** the slug of the namespace */
  namespace: string;
  /** the slug of the space */
  space: string;
}

/** The parameters of a statement for its space and its caller. */
export type SpaceScope = NamespaceScope & { spaceSlug: string; spaceId: string };

/** The result of a statement inside a space: `row` is null if the space does not exist. */
export interface InSpace<Row> {
  role: Role;
  row: Row | null;
  namespaceId: string;
  /** null if the space does not exist */
  spaceId: string | null;
  /** the current slug of the space, if the requested one is a former slug */
  currentSlug: string | null;
}

/**
 * Resolves the space of a statement, as `namespaceResolver` resolves a namespace: the ids of both slugs are
 * cached, and the statement checks that they still have the slugs. One round trip for a cached space, two for
 * another.
 */
export function spaceResolver(db: Database, resolveNamespace: ResolveNamespace) {
  const spaceIds = new LRUCache<string, string>({ max: REMEMBERED_SPACES });
  const lookup = findSpace(db);

  /**
   * @param query runs the statement and returns its row; undefined when the namespace no longer has its slug
   * @returns null if the namespace does not exist for this caller
   * @throws `Failure` `renamed` when the namespace has another slug now
   */
  return async function resolve<Row extends { access: SpaceAccess }>(
    principal: Principal,
    { namespace, space }: SpacePath,
    query: (scope: SpaceScope) => Promise<Row | undefined>,
  ): Promise<InSpace<Row> | null> {
    if (!isSlug(namespace)) return null;
    const caller = {
      ...principalParams(principal),
      namespaceSlug: namespace,
      spaceSlug: isSlug(space) ? space : '',
    };
    let namespaceId = resolveNamespace.recall(namespace);
    let spaceId = namespaceId && spaceIds.get(`${namespaceId} ${space}`);
    for (let attempts = 0; ; attempts += 1) {
      if (namespaceId && spaceId) {
        const row = await query({ ...caller, namespaceId, spaceId });
        if (!row) resolveNamespace.forget(namespace);
        else if (row.access.role === null) return null;
        else if (row.access.spaceId !== null) {
          return { role: row.access.role, row, namespaceId, spaceId, currentSlug: null };
        }
      }
      const found = await executeOne(lookup, caller, { retryOnDisconnect: true });
      if (!found) return null;
      if (found.namespaceSlug !== namespace) {
        resolveNamespace.forget(namespace);
        throw renamed('namespace', found.namespaceSlug);
      }
      const { role, formerSpaceSlug: currentSlug } = found;
      namespaceId = found.namespaceId;
      resolveNamespace.remember(namespace, namespaceId);
      if (found.spaceId === null || attempts === ATTEMPTS) {
        spaceIds.delete(`${namespaceId} ${space}`);
        return { role, row: null, namespaceId, spaceId: null, currentSlug };
      }
      spaceId = found.spaceId;
      spaceIds.set(`${namespaceId} ${space}`, spaceId);
    }
  };
}

export type ResolveSpace = ReturnType<typeof spaceResolver>;
