import { index, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { timestampMs } from './columns.js';
import { namespaces } from './namespaces.js';

/**
 * Every slug that a namespace has or had, with its last holder. The primary key decides which namespace gets a
 * slug, also a reserved one.
 */
export const namespaceSlugs = pgTable(
  'namespace_slugs',
  {
    slug: text('slug').primaryKey(),
    namespaceId: uuid('held_by')
      .notNull()
      .references(() => namespaces.id),
    /** when the namespace released it, by a rename or its deletion; null while it has it */
    freedAt: timestampMs('freed_at'),
  },
  (table) => [
    // For the erasure of a namespace.
    index('namespace_slugs_holder_index').on(table.namespaceId),
  ],
);
