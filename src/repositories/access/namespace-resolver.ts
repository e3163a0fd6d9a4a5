import { LRUCache } from 'lru-cache';
import type { Database } from '../../db/client.js';
import { Failure } from '../../failure.js';
import { isSlug } from '../../slug.js';
import { findSpace } from './lookup.js';
import { type Principal, principalParams, type Role } from './principal.js';
import { executeOne } from './statement.js';

/** How many slugs are remembered; some 200 bytes each. */
const REMEMBERED_SLUGS = 50_000;

/**
 * Finds the namespace of a statement.
 *
 * A statement for one namespace must bind its id, never join to it: the planner expects the average namespace
 * and fails the largest, and a distributed database cannot route it. So the id of each slug is cached, and
 * the statement itself checks, by `activeNamespaceByIdAndSlug`, that it is still right: one round trip when
 * the namespace is cached, two when not, never a stale response.
 *
 * @param remembered the most slugs in the cache
 */
export function namespaceResolver(db: Database, remembered = REMEMBERED_SLUGS) {
  const ids = new LRUCache<string, string>({ max: remembered });

  const lookup = findSpace(db);

  /**
   * @param query runs the statement and returns its row; undefined when the id no longer has the slug
   * @returns the caller's role, the namespace's id and the row, or null when there is no such namespace for
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
   * Call it when a namespace has released its slug. The statement would notice, but at the cost of a second
   * one, by which the next stranger could tell that there was a namespace.
   */
  function forget(slug: string): void {
    ids.delete(slug);
  }

  return Object.assign(resolve, {
    forget,
    /** @returns the id that a slug last led to */
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

/** The parameters by which a statement names its namespace and its caller. */
export type NamespaceScope = ReturnType<typeof principalParams> & {
  namespaceSlug: string;
  namespaceId: string;
};
