import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import type { Role } from './principal.js';
import { shared } from './shared-reads.js';
import { param } from './statement.js';

/**
 * Prepares the statement that finds a namespace by its current slug, or else by a former one, and a space in it
 * in the same way. It is one statement, because the time of a second one would reveal to other callers that a
 * namespace exists. It returns no row if the caller may not see the namespace.
 */
export function findSpace(db: Database) {
  return shared(
    db
      .select({
        role: sql<Role>`role`,
        namespaceId: sql<string>`namespace_id`,
        namespaceSlug: sql<string>`namespace_slug`,
        spaceId: sql<string | null>`space_id`,
        formerSpaceSlug: sql<string | null>`former_space_slug`,
      })
      .from(
        sql`find_space(${param('namespaceSlug')}, ${param('spaceSlug')}, ${param('subject')}, ${param('adminRole')})`,
      )
      .prepare('space_lookup'),
  );
}
