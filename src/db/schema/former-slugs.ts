import { pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { namespaces } from './namespaces.js';

/**
 * The slugs of spaces that are free because their last holder was renamed. What counts is how a holder leaves:
 * a rename keeps the slug for it, a deletion takes it out. So whoever takes a slug writes nothing here.
 * While it is there the row says nothing, and after that the row is about it, or gone.
 * Distributed by `namespace_id`, like the spaces.
 */
export const formerSpaceSlugs = pgTable(
  'former_space_slugs',
  {
    namespaceId: uuid('namespace_id')
      .notNull()
      .references(() => namespaces.id),
    slug: text('slug').notNull(),
    heldBy: uuid('held_by').notNull(),
  },
  (table) => [primaryKey({ columns: [table.namespaceId, table.slug] })],
);
