import { LRUCache } from 'lru-cache';
import type { Database } from '../../db/client.js';
import { Failure } from '../../failure.js';
import { isSlug } from '../../slug.js';
import { findSpace } from './lookup.js';
import { type Principal, principalParams, type Role } from './principal.js';
import { executeOne } from './statement.js';

/** Size of the cache of slugs, at about 200 bytes each. */
const REMEMBERED_SLUGS = 50_000;

/**
 * Resolves the namespace of a statement by its slug.
 *
 * A statement for one namespace must bind its id instead of joining by slug: with a join the planner assumes
 * the average namespace, which is wrong for large ones, and a distributed database cannot route the statement.
 * So the id of each slug is cached, and the statement itself checks with `activeNamespaceByIdAndSlug` that the
 * id still has the slug: one round trip for a cached namespace, two for another, and never a stale response.
 *
 * @param remembered the maximum number of cached slugs
 */
export function namespaceResolver(db: Database, remembered = REMEMBERED_SLUGS) {
  const ids = new LRUCache<string, string>({ max: remembered });

  const lookup = findSpace(db);

  /**
   * @param query runs the statement and returns its row; undefined when the id no longer has the slug
   * @returns the caller's role, the namespace's id and the row, or null if the namespace does not exist for
   *   this caller
   * @throws `Failure` `renamed` when the namespace has another slug now
   */
  async function resolve<Row extends { access: { role: Role | null } }>(
    principal: Principal,
    slug: string,
    query: (scope: NamespaceScope) => Promise<Row | undefined>,
  ): Promise<{ role: Role; namespaceId: string; row: Row } | null> {
    if (!isSlug(slug)) return null;
    const caller = { ...principalParams(principal), namespaceSlug: slug };

    let namespaceId = ids.get(slug);
    let row = namespaceId === undefined ? undefined : await query({ ...caller, namespaceId });
    if (!row) {
      const found = await executeOne(
        lookup,
        { ...caller, spaceSlug: '' },
        { retryOnDisconnect: true },
      );
      if (found?.namespaceSlug !== slug) {
        ids.delete(slug);
        if (found) throw renamed('namespace', found.namespaceSlug);
        return null;
      }
      namespaceId = found.namespaceId;
      ids.set(slug, namespaceId);
      row = await query({ ...caller, namespaceId });
    }
    const role = row?.access.role;
    return row && role && namespaceId !== undefined ? { role, namespaceId, row } : null;
  }

  /**
   * Removes a slug from the cache when its namespace has released it. The next statement would notice the
   * change, but its second round trip would reveal to a caller who is not a member that a namespace existed.
   */
  function forget(slug: string): void {
    ids.delete(slug);
  }

  return Object.assign(resolve, {
    forget,
    /** @returns the cached id of a slug */
    recall: (slug: string) => ids.get(slug),
    remember: (slug: string, namespaceId: string) => {
      ids.set(slug, namespaceId);
    },
  });
}

export type ResolveNamespace = ReturnType<typeof namespaceResolver>;

/** @returns the failure of a request by a former slug */
export function renamed(what: 'namespace' | 'space', currentSlug: string): Failure {
  return new Failure('renamed', { what, currentSlug });
}

/** The parameters of a statement for its namespace and its caller. */
export type NamespaceScope = ReturnType<typeof principalParams> & {
  namespaceSlug: string;
  namespaceId: string;
};
