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

/**
 * When a UUIDv7 was made (RFC 9562 §5.7), so that the order of creation is the order of ids.
 *
 * @param id an expression
 */
export const timeOfId = (id: string): SQL =>
  sql.raw(
    `to_timestamp(('x' || left(${id}::text, 8) || substr(${id}::text, 10, 4))::bit(48)::bigint / 1000.0)`,
  );

/** The text that `q` searches; no searched text contains the separator between its three parts. */
export const searchedText = sql.raw(
  `(name || chr(31) || slug || chr(31) || coalesce(description, ''))`,
);

/**
 * The namespace as the inverted index knows it. It is not the column itself, because the planner would
 * then use that index to find a whole namespace, for which the others are there.
 */
export const searchedNamespace = sql.raw('(namespace_id::text)');

/** The sort keys of lists, the same whatever the collation of the database. */
export const nameOrder = sql.raw('(lower(name) collate "C")');
export const slugOrder = sql.raw('(slug collate "C")');

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
    // Lists walk this one, so that deleted spaces cost them nothing.
    index('spaces_active_index').on(table.namespaceId, table.id).where(isNull(table.deletedAt)),
    index('spaces_deleted_index').on(table.namespaceId, table.id).where(isNotNull(table.deletedAt)),
    // Lists in another order than that of creation; each space is in one of the two of an order.
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
    // Restore finds the last deleted of a slug.
    index('spaces_restore_index')
      .on(table.namespaceId, slugOrder, table.deletedAt, table.id)
      .where(isNotNull(table.deletedAt)),
    // One inverted index for every filter that looks into a space (pg_trgm, btree_gin).
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
