import { type SQL, sql, type SQLWrapper } from 'drizzle-orm';
import {
  bigint,
  check,
  foreignKey,
  index,
  pgTable,
  primaryKey,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { PATH_MAX_LENGTH, PATH_MAX_SEGMENTS } from '../../path.js';
import { bytewiseText, jsonObject, metadataCheck, versionAndTimestamps } from './columns.js';
import { spaces } from './spaces.js';

/** A new UUIDv7 (RFC 9562 §5.7), made by PostgreSQL because a statement makes as many folders as are missing. */
const newId = sql.raw(`encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
  placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
  52, 1), 53, 1), 'hex')::uuid`);

/** @returns the path without its last segment; empty where that is the root */
export const parentOf = (path: SQLWrapper): SQL => sql`regexp_replace(${path}, '/[^/]*$', '')`;

/** A path as an index for equality holds it: a whole path can be too long for one. */
export const pathDigest = (path: SQLWrapper): SQL => sql`md5(${path})::uuid`;

/**
 * A path as an index for comparison holds it: as many characters as fit into one. Paths that are the same so far
 * come in any order, which only the longest are.
 */
export const pathPrefix = (path: SQLWrapper): SQL => sql`left(${path}, 600)`;

/**
 * As `pathPrefix`, of the folders of one parent. Another expression, so that only the index by parent has their
 * order: without statistics PostgreSQL would walk all paths of the space for it.
 */
export const siblingPrefix = (path: SQLWrapper): SQL => sql`left(${path}, 601)`;

const path = sql.raw('path');

/**
 * The folders of a space, a tree by materialized path: a subtree is a range of paths, which are compared by
 * their bytes. The root has no row. Episodes and assets refer to the id of their folder, so that a move of
 * the folder does not write them.
 */
export const folders = pgTable(
  'folders',
  {
    namespaceId: uuid('namespace_id').notNull(),
    spaceId: uuid('space_id').notNull(),
    id: uuid('id').notNull().default(newId),
    path: bytewiseText('path').notNull(),
    metadata: jsonObject('metadata'),
    version: versionAndTimestamps.version,
    createdAt: versionAndTimestamps.createdAt,
    updatedAt: versionAndTimestamps.updatedAt,
  },
  (table) => [
    primaryKey({ columns: [table.namespaceId, table.spaceId, table.id] }),
    foreignKey({
      name: 'folders_space_fk',
      columns: [table.namespaceId, table.spaceId],
      foreignColumns: [spaces.namespaceId, spaces.id],
    }),
    uniqueIndex('folders_path_unique').on(
      table.namespaceId,
      table.spaceId,
      sql`(${pathDigest(path)})`,
    ),
    index('folders_path_index').on(
      table.namespaceId,
      table.spaceId,
      sql`(${pathPrefix(path)})`,
      table.id,
    ),
    index('folders_parent_index').on(
      table.namespaceId,
      table.spaceId,
      sql`(${pathDigest(parentOf(path))})`,
      sql`(${siblingPrefix(path)})`,
      table.id,
    ),
    check('folders_metadata_check', metadataCheck),
    check(
      'folders_path_check',
      sql.raw(`length(path) <= ${PATH_MAX_LENGTH}
        and length(path) - length(replace(path, '/', '')) <= ${PATH_MAX_SEGMENTS}`),
    ),
  ],
);

/**
 * One row for each space that has had a folder. A statement that changes the shape of the tree replaces
 * the random revision, and so is the only one that does; it does nothing where the tree has
 * changed since its snapshot.
 */
export const folderTrees = pgTable(
  'folder_trees',
  {
    namespaceId: uuid('namespace_id').notNull(),
    spaceId: uuid('space_id').notNull(),
    revision: bigint('revision', { mode: 'bigint' }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.namespaceId, table.spaceId] }),
    foreignKey({
      name: 'folder_trees_space_fk',
      columns: [table.namespaceId, table.spaceId],
      foreignColumns: [spaces.namespaceId, spaces.id],
    }),
  ],
);
