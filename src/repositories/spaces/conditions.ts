import { eq, isNull, sql } from 'drizzle-orm';
import { spaces } from '../../db/schema/spaces.js';
import { isSlug } from '../../slug.js';
import { param } from '../access/statement.js';

export const inNamespace = eq(spaces.namespaceId, param('namespaceId'));

export const isActive = isNull(spaces.deletedAt);

export const hasSlug = eq(spaces.slug, param('spaceSlug'));

/** The columns that every write of a space changes. */
export const nextVersion = { version: sql`${spaces.version} + 1`, updatedAt: sql`now()` };

/**
 * @returns the slug of a path; empty, which no space has, if it is invalid, because PostgreSQL may reject it
 */
export function possibleSlug(slug: string): string {
  return isSlug(slug) ? slug : '';
}
