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
    /**
     * the subject whose quota it counts towards; null for a namespace without an owner from before quotas
     * existed
     */
    createdBy: text('created_by'),
    /** the number of its members, maintained by every change of them */
    members: integer('members').notNull().default(1),
    /** the quota when `members` last grew; null for none */
    membersMax: integer('members_max'),
    /**
     * The revision of the lists that show the namespace or its members, replaced by each write of them. Not a
     * sequence, so that a database that lost its last writes does not reuse a value.
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
