import { pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { namespaces } from './namespaces.js';

/**
 * Slugs that spaces had before a rename. A rename keeps the old slug for its space, a deletion removes it. A
 * space that takes the slug writes nothing here: while it exists the row is not read, and after that the row
 * is about it, or gone. Distributed by `namespace_id`, like the spaces.
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
