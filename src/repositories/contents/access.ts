import { and, eq, isNull, type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { spaces } from '../../db/schema/spaces.js';
import { accessCte, activeNamespaceByIdAndSlug, hasRole, lockedAccess } from '../access/guard.js';
import type { Role } from '../access/principal.js';
import { param } from '../access/statement.js';

/** The condition that selects the space that the resolver found. */
const isSpace = and(
  eq(spaces.namespaceId, param('namespaceId')),
  eq(spaces.id, param('spaceId')),
  eq(spaces.slug, param('spaceSlug')),
  isNull(spaces.deletedAt),
);

/** The caller's access, as returned by a statement inside a space. */
export interface SpaceAccess {
  role: Role | null;
  /** null if the space no longer has the slug, or is deleted */
  spaceId: string | null;
}

/** The common table expressions and conditions of a statement that reads inside a space. */
export function readingSpace(db: Database) {
  const space = db.$with('read_space').as(db.select({ id: spaces.id }).from(spaces).where(isSpace));
  return {
    expressions: [space, accessCte(db, activeNamespaceByIdAndSlug)],
    access: accessFields('read_space'),
    allowed: allowedIn('read_space', 'viewer'),
  };
}

/**
 * As `readingSpace`, for a statement that writes. It locks the namespace, the membership and the space, in this
 * order and before the contents of the space; see `lockedAccess`.
 */
export function writingSpace(db: Database) {
  const { expressions, locked } = lockedAccess(db, activeNamespaceByIdAndSlug, 'key share');
  const [namespace, membership, access] = expressions;
  const space = db.$with('locked_space').as(
    db
      .select({ id: spaces.id })
      .from(spaces)
      .where(and(isSpace, sql`exists (select from ${locked})`))
      .for('key share'),
  );
  return {
    expressions: [namespace, membership, access, space],
    access: accessFields('locked_space'),
    allowed: allowedIn('locked_space', 'editor'),
  };
}

function accessFields(space: string) {
  return {
    role: sql<Role | null>`access.caller_role`,
    spaceId: sql<string | null>`(select id from ${sql.identifier(space)})`,
  };
}

function allowedIn(space: string, needed: Role): SQL {
  return sql`(${hasRole(needed)} and exists (select from ${sql.identifier(space)}))`;
}

/** The condition that a row of a table belongs to the space. */
export function inSpace(table: {
  namespaceId: Parameters<typeof eq>[0];
  spaceId: Parameters<typeof eq>[0];
}): SQL {
  return sql`(${table.namespaceId} = ${param('namespaceId')} and ${table.spaceId} = ${param('spaceId')})`;
}
