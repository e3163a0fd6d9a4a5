import { isNotNull, isNull, sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  pgEnum,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import {
  bytewiseText,
  jsonObject,
  jsonStrings,
  metadataCheck,
  timestampMs,
  versionAndTimestamps,
} from './columns.js';
import { folders } from './folders.js';
import { nameOrder, spaces, timeOfId } from './spaces.js';

export const episodeStatus = pgEnum('episode_status', [
  'running',
  'completed',
  'failed',
  'archived',
]);

/** The text that the filter `q` of a list of episodes searches. */
export const searchedEpisode = sql.raw(`(name || chr(31) || coalesce(description, ''))`);

/** The space as an expression that only the inverted indexes have; see `searchedNamespace` of the spaces. */
export const searchedSpace = sql.raw('(space_id::text)');

/**
 * The status as an expression that only `episodes_status_index` has. The expression has no statistics
 * (migration 0009), so that the planner expects few rows per status and uses this index for any number of
 * values.
 */
export const indexedStatus = sql.raw(`(coalesce(status, 'archived'))`);

/**
 * The recorded runs of a space. The name of a deleted episode stays taken, so that it cannot begin a second
 * history.
 */
export const episodes = pgTable(
  'episodes',
  {
    namespaceId: uuid('namespace_id').notNull(),
    spaceId: uuid('space_id').notNull(),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    description: text('description'),
    tags: jsonStrings('tags').notNull(),
    status: episodeStatus('status').notNull(),
    writeProtected: boolean('write_protected').notNull(),
    /** null for the root, and while it is deleted */
    folderId: uuid('folder_id'),
    /** the path of its folder when it was deleted; a restore recreates the folder */
    deletedFrom: bytewiseText('deleted_from'),
    metadata: jsonObject('metadata'),
    /** replaced by each write of its assets, see `newRevision` */
    assetsRevision: bigint('assets_revision', { mode: 'bigint' })
      .notNull()
      .default(sql`0`),
    ...versionAndTimestamps,
    createdAt: timestampMs('created_at')
      .notNull()
      .generatedAlwaysAs(() => timeOfId('id')),
  },
  (table) => [
    primaryKey({ columns: [table.namespaceId, table.spaceId, table.id] }),
    foreignKey({
      name: 'episodes_space_fk',
      columns: [table.namespaceId, table.spaceId],
      foreignColumns: [spaces.namespaceId, spaces.id],
    }),
    foreignKey({
      name: 'episodes_folder_fk',
      columns: [table.namespaceId, table.spaceId, table.folderId],
      foreignColumns: [folders.namespaceId, folders.spaceId, folders.id],
    }),
    uniqueIndex('episodes_name_unique').on(table.namespaceId, table.spaceId, table.name),
    index('episodes_active_index')
      .on(table.namespaceId, table.spaceId, table.id)
      .where(isNull(table.deletedAt)),
    index('episodes_deleted_index')
      .on(table.namespaceId, table.spaceId, table.id)
      .where(isNotNull(table.deletedAt)),
    index('episodes_updated_index')
      .on(table.namespaceId, table.spaceId, table.updatedAt, table.id)
      .where(isNull(table.deletedAt)),
    index('episodes_name_index')
      .on(table.namespaceId, table.spaceId, nameOrder, table.id)
      .where(isNull(table.deletedAt)),
    index('episodes_status_index')
      .on(table.namespaceId, table.spaceId, indexedStatus, table.id)
      .where(isNull(table.deletedAt)),
    // Also used to delete folders.
    index('episodes_folder_index').on(table.namespaceId, table.spaceId, table.folderId, table.id),
    index('episodes_search_index')
      .using(
        'gin',
        searchedSpace,
        sql`${searchedEpisode} gin_trgm_ops`,
        table.tags.op('jsonb_path_ops'),
        table.metadata.op('jsonb_path_ops'),
      )
      .with({ gin_pending_list_limit: 256 }),
    check('episodes_metadata_check', metadataCheck),
    check('episodes_tags_check', sql.raw(`jsonb_typeof(tags) = 'array'`)),
    check('episodes_folder_check', sql.raw(`deleted_at is null or folder_id is null`)),
  ],
);
