import { isNotNull, isNull, sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
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
import { episodes, searchedSpace } from './episodes.js';
import { folders, pathDigest, pathPrefix } from './folders.js';
import { spaces, timeOfId } from './spaces.js';

/** The container of an asset: its episode or its folder; the nil UUID for the root of the space. */
export const assetContainer = sql.raw(
  `(coalesce(episode_id, folder_id, '00000000-0000-0000-0000-000000000000'::uuid))`,
);

/** The sort key of assets by name: the name of the file in lower case. */
export const fileNameOrder = sql.raw(`(lower(regexp_replace(local_path, '^.*/', '')) collate "C")`);

/** The text that the filter `q` of a list of assets searches. */
export const searchedAsset = sql.raw(`(local_path collate "default")`);

/** The kind as an expression that only `assets_kind_index` has; see `indexedStatus` of the episodes. */
export const indexedKind = sql.raw(`(coalesce(kind, ''))`);

/** The recorded files of a space; their bytes are in an object store. */
export const assets = pgTable(
  'assets',
  {
    namespaceId: uuid('namespace_id').notNull(),
    spaceId: uuid('space_id').notNull(),
    id: uuid('id').notNull(),
    episodeId: uuid('episode_id'),
    /** null for an asset of an episode or of the root, and while it is deleted */
    folderId: uuid('folder_id'),
    /** the path inside the episode; for an asset without one, `/` and the file's name */
    localPath: bytewiseText('local_path').notNull(),
    /** the path of its folder when it was deleted; a restore recreates the folder */
    deletedFrom: bytewiseText('deleted_from'),
    /** whether it was deleted, and is restored, with its episode */
    deletedWithEpisode: boolean('deleted_with_episode').notNull().default(false),
    kind: text('kind').notNull(),
    uri: text('uri').notNull(),
    contentType: text('content_type'),
    sizeBytes: bigint('size_bytes', { mode: 'number' }),
    checksum: text('checksum'),
    tags: jsonStrings('tags').notNull(),
    metadata: jsonObject('metadata'),
    ...versionAndTimestamps,
    createdAt: timestampMs('created_at')
      .notNull()
      .generatedAlwaysAs(() => timeOfId('id')),
  },
  (table) => [
    primaryKey({ columns: [table.namespaceId, table.spaceId, table.id] }),
    foreignKey({
      name: 'assets_space_fk',
      columns: [table.namespaceId, table.spaceId],
      foreignColumns: [spaces.namespaceId, spaces.id],
    }),
    foreignKey({
      name: 'assets_episode_fk',
      columns: [table.namespaceId, table.spaceId, table.episodeId],
      foreignColumns: [episodes.namespaceId, episodes.spaceId, episodes.id],
    }),
    foreignKey({
      name: 'assets_folder_fk',
      columns: [table.namespaceId, table.spaceId, table.folderId],
      foreignColumns: [folders.namespaceId, folders.spaceId, folders.id],
    }),
    uniqueIndex('assets_path_unique')
      .on(
        table.namespaceId,
        table.spaceId,
        assetContainer,
        sql`(${pathDigest(sql.raw('local_path'))})`,
      )
      .where(isNull(table.deletedAt)),
    index('assets_active_index')
      .on(table.namespaceId, table.spaceId, table.id)
      .where(isNull(table.deletedAt)),
    index('assets_deleted_index')
      .on(table.namespaceId, table.spaceId, table.id)
      .where(isNotNull(table.deletedAt)),
    index('assets_updated_index')
      .on(table.namespaceId, table.spaceId, table.updatedAt, table.id)
      .where(isNull(table.deletedAt)),
    index('assets_name_index')
      .on(table.namespaceId, table.spaceId, fileNameOrder, table.id)
      .where(isNull(table.deletedAt)),
    index('assets_episode_index')
      .on(table.namespaceId, table.spaceId, table.episodeId, table.id)
      .where(isNotNull(table.episodeId)),
    // Also used to delete folders.
    index('assets_folder_index')
      .on(table.namespaceId, table.spaceId, table.folderId, table.id)
      .where(isNotNull(table.folderId)),
    index('assets_local_path_index')
      .on(table.namespaceId, table.spaceId, sql`(${pathPrefix(sql.raw('local_path'))})`, table.id)
      .where(isNull(table.deletedAt)),
    index('assets_kind_index')
      .on(table.namespaceId, table.spaceId, indexedKind, table.id)
      .where(isNull(table.deletedAt)),
    index('assets_checksum_index')
      .on(table.namespaceId, table.spaceId, table.checksum, table.id)
      .where(isNotNull(table.checksum)),
    index('assets_search_index')
      .using(
        'gin',
        searchedSpace,
        sql`${searchedAsset} gin_trgm_ops`,
        table.tags.op('jsonb_path_ops'),
        table.metadata.op('jsonb_path_ops'),
      )
      .with({ gin_pending_list_limit: 256 }),
    check('assets_metadata_check', metadataCheck),
    check('assets_tags_check', sql.raw(`jsonb_typeof(tags) = 'array'`)),
    check('assets_folder_check', sql.raw(`deleted_at is null or folder_id is null`)),
    check('assets_container_check', sql.raw(`episode_id is null or folder_id is null`)),
    check('assets_size_check', sql.raw(`size_bytes between 0 and 9007199254740991`)),
  ],
);
