import { pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { namespaces } from './namespaces.js';

/**
 * Slugs that spaces had before a rename. A rename stores the old slug, a deletion removes the row of the slug.
 * A space that takes the slug does not write here: while it has the slug the row is not read, and its own
 * rename or deletion replaces or removes the row. Distributed by `namespace_id`, like the spaces.
 */
export const formerSpaceSlugs = pgTable(
  'former_space_slugs',
  {
    namespaceId: uuid('namespace_id')
      .notNull()
      .references(() => namespaces.id),
    slug: text('slug').notNull(),
    spaceId: uuid('held_by').notNull(),
  },
  (table) => [primaryKey({ columns: [table.namespaceId, table.slug] })],
);
