import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import type { JsonObject } from '../../db/schema/columns.js';
import { episodes, type episodeStatus } from '../../db/schema/episodes.js';
import { param } from '../access/statement.js';
import { inSpace } from '../contents/access.js';
import { jsonObjectText, jsonString, jsonValue, tagOf, versionMembers } from '../contents/item.js';
import { folderPath } from '../folders/tree.js';

export type EpisodeStatus = (typeof episodeStatus.enumValues)[number];

/** The fields of an episode to write; absent ones stay unchanged. */
export interface EpisodeChanges {
  name?: string;
  /** the path of a folder, which is created if it is missing */
  folder?: string;
  description?: string | null;
  tags?: string[];
  status?: EpisodeStatus;
  writeProtected?: boolean;
  metadata?: JsonObject | null;
}

/** The path of the folder that an episode shows: the former one if it is deleted, otherwise the current one. */
const shownFolder = (path: SQL = folderPath(sql.raw('folder_id'))) =>
  sql`coalesce(deleted_from, ${path})`;

/** An episode as JSON text, for a row whose columns are in scope. */
export const episodeItem = (path: SQL = folderPath(sql.raw('folder_id'))) =>
  jsonObjectText({
    id: jsonString(sql.raw('id')),
    name: jsonString(sql.raw('name')),
    description: jsonString(sql.raw('description')),
    tags: jsonValue(sql.raw('tags')),
    status: jsonString(sql.raw('status')),
    writeProtected: jsonValue(sql.raw('write_protected')),
    folder: sql`to_json(${shownFolder(path)})::text`,
    metadata: jsonValue(sql.raw('metadata')),
    ...versionMembers,
  });

/** The entity tag of an episode, which depends on the path of its folder. */
export const episodeTag = (path: SQL = folderPath(sql.raw('folder_id'))) =>
  tagOf({ id: sql.raw('id'), version: sql.raw('version') }, shownFolder(path));

/** As `episodeTag`, with the columns qualified by the table. */
export const storedEpisodeTag = tagOf(
  episodes,
  sql`coalesce(${episodes.deletedFrom}, ${folderPath(episodes.folderId)})`,
);

/** The condition that selects the episode of the request. */
export const isNamedEpisode = sql`(${inSpace(episodes)} and ${episodes.name} = ${param('episode')})`;

/**
 * The common table expression `precheck` of one row: whether the snapshot allows the write. Evaluated once, and before
 * the write, because Citus executes the expressions one after another.
 */
export function precheckCte(db: Database, isWanted: SQL) {
  return db.$with('precheck', {}).as(sql`select ${isWanted} as is_wanted`);
}

/** The folder of the request, for `ensureFolders`, where `precheck` holds. */
export const wantedFolder = sql`select ${param('folder')}::text from precheck where is_wanted`;

/**
 * The condition that the write protects the episode, which counts as a change of the tree: a concurrent move of a
 * folder above would not see it otherwise.
 */
export const protectsEpisode = sql`(
  select is_wanted and ${param('writeProtected')}::boolean is true from precheck)`;

/** @returns the parameters of a statement for the given fields */
export function changeParams(changes: EpisodeChanges) {
  return {
    name: changes.name ?? null,
    folder: changes.folder ?? null,
    setDescription: changes.description !== undefined,
    description: changes.description ?? null,
    tags: changes.tags ?? null,
    status: changes.status ?? null,
    writeProtected: changes.writeProtected ?? null,
    setMetadata: changes.metadata !== undefined,
    metadata: changes.metadata ?? null,
  };
}
