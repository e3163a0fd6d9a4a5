import { sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import type { Role } from './principal.js';
import { shared } from './shared-reads.js';
import { param } from './statement.js';

/**
 * Prepares the statement that finds a namespace by its slug, or else by one it had, and a space of it in the same
 * way. Both are one statement: by a second one a stranger could tell that there was a namespace. No row where the
 * caller may know of none.
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
