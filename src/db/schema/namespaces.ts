import { isNotNull, isNull } from 'drizzle-orm';
import { check, index, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { jsonObject, lifecycle, metadataCheck, slugCheck } from './columns.js';

/** Users and teams. A reference table where the database is distributed (README, "Scaling"). */
export const namespaces = pgTable(
  'namespaces',
  {
    id: uuid('id').primaryKey(),
    slug: text('slug').notNull(),
    name: text('name'),
    metadata: jsonObject('metadata'),
    ...lifecycle,
  },
  (table) => [
    uniqueIndex('namespaces_slug_unique').on(table.slug).where(isNull(table.deletedAt)),
    // Restore finds the latest of the deleted namespaces that had a slug.
    index('namespaces_deleted_index')
      .on(table.slug, table.deletedAt)
      .where(isNotNull(table.deletedAt)),
    check('namespaces_slug_check', slugCheck),
    check('namespaces_metadata_check', metadataCheck),
  ],
);
