import type { Database } from '../db/client.js';
import { namespaceResolver, type ResolveNamespace } from './access/namespace-resolver.js';
import { type ResolveSpace, spaceResolver } from './contents/space-resolver.js';
import { PageCache } from './lists/page-cache.js';
import { noQuotas, type Quotas } from './quotas.js';
import { Erasures } from './retention/erasures.js';

/** Days for which the slug of a renamed or deleted namespace is reserved, by default. */
export const SLUG_HOLD_DAYS = 30;

/** The dependencies of every repository. */
export interface RepositoryContext {
  db: Database;
  /** a separate pool for searches, so that other statements do not wait for them */
  searchDb: Database;
  resolveNamespace: ResolveNamespace;
  resolveSpace: ResolveSpace;
  /** the cache of rendered list pages */
  pages: PageCache;
  quotas: Quotas;
  erasures: Erasures;
  /** days for which a released namespace slug is reserved for the owners of its last holder */
  slugHoldDays: number;
}

/** Creates the dependencies of the repositories of one database; by default without a page cache and quotas. */
export function repositoryContext(
  db: Database,
  {
    searchDb = db,
    pages = new PageCache(0),
    quotas = noQuotas,
    erasures = new Erasures(),
    slugHoldDays = SLUG_HOLD_DAYS,
  }: Partial<
    Pick<RepositoryContext, 'searchDb' | 'pages' | 'quotas' | 'erasures' | 'slugHoldDays'>
  > = {},
): RepositoryContext {
  const resolveNamespace = namespaceResolver(db);
  const resolveSpace = spaceResolver(db, resolveNamespace);
  return { db, searchDb, resolveNamespace, resolveSpace, pages, quotas, erasures, slugHoldDays };
}
