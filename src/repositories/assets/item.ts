import { type SQL, sql } from 'drizzle-orm';
import { assets } from '../../db/schema/assets.js';
import type { JsonObject } from '../../db/schema/columns.js';
import { episodes } from '../../db/schema/episodes.js';
import { param } from '../access/statement.js';
import { inSpace } from '../contents/access.js';
import { jsonObjectText, jsonString, jsonValue, tagOf, versionMembers } from '../contents/item.js';
import { folderPath } from '../folders/tree.js';

/** The fields of an asset that callers send. */
export interface NewAsset {
  path: string;
  kind: string;
  uri: string;
  contentType: string | null;
  sizeBytes: number | null;
  checksum: string | null;
  tags: string[];
  metadata: JsonObject | null;
  /** the name of its episode; null for an asset of the space itself */
  episode: string | null;
}

/** The fields of an asset to write; absent ones stay unchanged. */
export type AssetChanges = Partial<Omit<NewAsset, 'episode'>>;

const ownFolder = folderPath(sql.raw('folder_id'));

const episodeName = (episodeId: SQL) => sql`(
  select ${episodes.name} from ${episodes} where ${inSpace(episodes)} and ${episodes.id} = ${episodeId})`;

/**
 * The parts of an asset's representation that are not in its row: the path of its folder and the name of its
 * episode.
 */
function place(folder: SQL, deletedFrom: SQL, episodeId: SQL): SQL {
  return sql`(coalesce(${deletedFrom}, ${folder}, '') || coalesce(' ' || ${episodeName(episodeId)}, ''))`;
}

/** An asset as JSON text, for a row whose columns are in scope. */
export const assetItem = (folder: SQL = ownFolder) =>
  jsonObjectText({
    id: jsonString(sql.raw('id')),
    path: sql`to_json(rtrim(coalesce(deleted_from, ${folder}), '/') || local_path)::text`,
    name: jsonString(sql.raw(`regexp_replace(local_path, '^.*/', '')`)),
    kind: jsonString(sql.raw('kind')),
    uri: jsonString(sql.raw('uri')),
    contentType: jsonString(sql.raw('content_type')),
    sizeBytes: jsonValue(sql.raw('size_bytes')),
    checksum: jsonString(sql.raw('checksum')),
    tags: jsonValue(sql.raw('tags')),
    metadata: jsonValue(sql.raw('metadata')),
    episode: jsonString(episodeName(sql.raw('episode_id'))),
    ...versionMembers,
  });

/** The entity tag of an asset. */
export const assetTag = (folder: SQL = ownFolder) =>
  tagOf(
    { id: sql.raw('id'), version: sql.raw('version') },
    place(folder, sql.raw('deleted_from'), sql.raw('episode_id')),
  );

/** As `assetTag`, with the columns qualified by the table. */
export const storedAssetTag = tagOf(
  assets,
  place(folderPath(assets.folderId), sql`${assets.deletedFrom}`, sql`${assets.episodeId}`),
);

/** The condition that selects the asset of the request. */
export const isAsset = sql`(${inSpace(assets)} and ${assets.id} = ${param('assetId')}::uuid)`;
