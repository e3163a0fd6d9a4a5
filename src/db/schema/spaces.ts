import { isNotNull, isNull, type SQL, sql } from 'drizzle-orm';
import { check, index, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import {
  jsonObject,
  jsonStrings,
  metadataCheck,
  slugCheck,
  timestampMs,
  versionAndTimestamps,
} from './columns.js';
import { namespaces } from './namespaces.js';

/** A column as a JSON string, SQL NULL as `null`. Not `to_json`, which is not immutable. */
const jsonString = (column: string) => `(jsonb_object(array['v'], array[${column}]) -> 'v')::text`;

/**
 * The space as JSON text for lists (`SpaceListItem`), rendered once per write instead of once per read. A
 * generated column is never stale. The slug and the id need no escaping (see the checks below).
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

/**
 * The creation time in a UUIDv7 (RFC 9562 §5.7), so that the order of creation is the order of ids.
 *
 * @param id an expression
 */
export const timeOfId = (id: string): SQL =>
  sql.raw(
    `to_timestamp(('x' || left(${id}::text, 8) || substr(${id}::text, 10, 4))::bit(48)::bigint / 1000.0)`,
  );

/** The text that `q` searches; `q` cannot contain the separator of its three parts. */
export const searchedText = sql.raw(
  `(name || chr(31) || slug || chr(31) || coalesce(description, ''))`,
);

/**
 * The namespace as an expression that only the inverted index has. With the column itself the planner would
 * also use that index to find all spaces of a namespace, for which other indexes are better.
 */
export const searchedNamespace = sql.raw('(namespace_id::text)');

/** The sort keys of lists, independent of the collation of the database. */
export const nameOrder = sql.raw('(lower(name) collate "C")');
export const slugOrder = sql.raw('(slug collate "C")');

/** Distributed by `namespace_id`: every key begins with it, and no statement spans namespaces. */
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
    ...versionAndTimestamps,
    createdAt: timestampMs('created_at')
      .notNull()
      .generatedAlwaysAs(() => timeOfId('id')),
    item: text('item').notNull().generatedAlwaysAs(renderedItem),
  },
  (table) => [
    primaryKey({ columns: [table.namespaceId, table.id] }),
    uniqueIndex('spaces_slug_unique')
      .on(table.namespaceId, table.slug)
      .where(isNull(table.deletedAt)),
    // Lists scan this index, so that deleted spaces cost them nothing.
    index('spaces_active_index').on(table.namespaceId, table.id).where(isNull(table.deletedAt)),
    index('spaces_deleted_index').on(table.namespaceId, table.id).where(isNotNull(table.deletedAt)),
    // Lists in other orders; each space is in one of the two indexes of an order.
    index('spaces_updated_index')
      .on(table.namespaceId, table.updatedAt, table.id)
      .where(isNull(table.deletedAt)),
    index('spaces_name_index')
      .on(table.namespaceId, nameOrder, table.id)
      .where(isNull(table.deletedAt)),
    index('spaces_slug_index')
      .on(table.namespaceId, slugOrder, table.id)
      .where(isNull(table.deletedAt)),
    index('spaces_deleted_updated_index')
      .on(table.namespaceId, table.updatedAt, table.id)
      .where(isNotNull(table.deletedAt)),
    index('spaces_deleted_name_index')
      .on(table.namespaceId, nameOrder, table.id)
      .where(isNotNull(table.deletedAt)),
    index('spaces_deleted_slug_index')
      .on(table.namespaceId, slugOrder, table.id)
      .where(isNotNull(table.deletedAt)),
    // Restore finds the last deleted space of a slug.
    index('spaces_restore_index')
      .on(table.namespaceId, slugOrder, table.deletedAt, table.id)
      .where(isNotNull(table.deletedAt)),
    // One inverted index for all filters on the contents of a row (pg_trgm, btree_gin).
    index('spaces_search_index')
      .using(
        'gin',
        searchedNamespace,
        sql`${searchedText} gin_trgm_ops`,
        table.tags.op('jsonb_path_ops'),
        table.metadata.op('jsonb_path_ops'),
      )
      // In kilobytes. Every search reads the pending list of the index, and one write merges it.
      .with({ gin_pending_list_limit: 256 }),
    check('spaces_slug_check', slugCheck),
    check('spaces_metadata_check', metadataCheck),
    check('spaces_tags_check', sql.raw(`jsonb_typeof(tags) = 'array'`)),
  ],
);
