import { isNotNull, isNull, sql } from 'drizzle-orm';
import {
  bigint,
  check,
  index,
  integer,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { jsonObject, metadataCheck, slugCheck, versionAndTimestamps } from './columns.js';

/** Users and teams. Distributed by `id` (docs/scaling.md). */
export const namespaces = pgTable(
  'namespaces',
  {
    id: uuid('id').primaryKey(),
    slug: text('slug').notNull(),
    name: text('name'),
    metadata: jsonObject('metadata'),
    ...versionAndTimestamps,
    /** the subject whose quota it counts for; null for one older than quotas that has no owner */
    createdBy: text('created_by'),
    /** how many members it has, which every change of its members keeps */
    members: integer('members').notNull().default(1),
    /** the quota that was in force when `members` grew last; null for none */
    membersMax: integer('members_max'),
    /**
     * A random number that each write of the namespace or of its members replaces: the revision of the lists that
     * show them. Random, so that a database that lost its last writes does not reuse it.
     */
    revision: bigint('revision', { mode: 'bigint' })
      .notNull()
      .default(sql`(random() * 2 ^ 53)::bigint`),
  },
  (table) => [
    uniqueIndex('namespaces_slug_unique').on(table.slug).where(isNull(table.deletedAt)),
    // Restore finds the latest of the deleted namespaces that had a slug.
    index('namespaces_deleted_index')
      .on(table.slug, table.deletedAt, table.id)
      .where(isNotNull(table.deletedAt)),
    check('namespaces_members_quota_check', sql`members <= members_max`),
    check('namespaces_slug_check', slugCheck),
    check('namespaces_metadata_check', metadataCheck),
  ],
);
