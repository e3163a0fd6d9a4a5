import { isNotNull, isNull, type SQL, sql } from 'drizzle-orm';
import { check, index, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { jsonObject, jsonStrings, lifecycle, metadataCheck, slugCheck } from './columns.js';
import { namespaces } from './namespaces.js';

/** A text as a JSON string, SQL NULL as `null`; `to_json` would do, were it immutable. */
const jsonString = (column: string) => `(jsonb_object(array['v'], array[${column}]) -> 'v')::text`;

/**
 * The space as the list shows it, `SpaceListItem`, rendered once per write instead of once per
 * read. A generated column cannot go stale. The slug and the id need no escaping (checked below).
 */
const renderedItem = (): SQL =>
  sql.raw(
    [
      `'{"id":"' || id::text`,
      `'","name":' || ${jsonString('name')}`,
      `',"slug":"' || slug`,
      `'","description":' || ${jsonString('description')}`,
      `',"tags":' || tags::text || '}'`,
    ].join(' || '),
  );

/** Distributed by `namespace_id`: it begins every key, and nothing reaches past its namespace. */
export const spaces = pgTable(
  'spaces',
  {
    namespaceId: uuid('namespace_id')
      .notNull()
      .references(() => namespaces.id),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    slug: text('slug').notNull(),
    description: text('description'),
    tags: jsonStrings('tags').notNull(),
    metadata: jsonObject('metadata'),
    ...lifecycle,
    item: text('item').notNull().generatedAlwaysAs(renderedItem),
  },
  (table) => [
    primaryKey({ columns: [table.namespaceId, table.id] }),
    uniqueIndex('spaces_slug_unique')
      .on(table.namespaceId, table.slug)
      .where(isNull(table.deletedAt)),
    // Lists walk this one, so that deleted spaces cost them nothing.
    index('spaces_active_index').on(table.namespaceId, table.id).where(isNull(table.deletedAt)),
    // Restore finds the latest of the deleted spaces that had a slug.
    index('spaces_deleted_index')
      .on(table.namespaceId, table.slug, table.deletedAt)
      .where(isNotNull(table.deletedAt)),
    check('spaces_slug_check', slugCheck),
    check('spaces_metadata_check', metadataCheck),
    check('spaces_tags_check', sql.raw(`jsonb_typeof(tags) = 'array'`)),
  ],
);
