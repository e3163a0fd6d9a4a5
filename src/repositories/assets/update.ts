import { type SQL, sql } from 'drizzle-orm';
import { assets } from '../../db/schema/assets.js';
import { lastSegment, parentPath } from '../../path.js';
import { param } from '../access/statement.js';
import { countContents, countRows } from '../contents/counters.js';
import { hasTag, itemState } from '../contents/item.js';
import type { ContentCaller, ContentOperations } from '../contents/operations.js';
import { active, writeOrExplain } from '../contents/state.js';
import type { RepositoryContext } from '../context.js';
import { ensureFolders, folderStays } from '../folders/tree.js';
import { jsonParam } from '../spaces/columns.js';
import { type MergeMetadata, updateFields } from '../update-fields.js';
import { type Expected, versionParams } from '../version.js';
import type { GetAsset } from './get.js';
import { targetAsset } from './guard.js';
import { type AssetChanges, assetItem, assetTag, isAsset, storedAssetTag } from './item.js';

/**
 * Updates the given fields of an asset. A new path moves it inside its episode, or to another folder.
 *
 * @returns a function. Needs the role `editor`; throws `Failure` `path_taken`, `write_protected`
 *   or `precondition_failed`
 */
export function updateAsset(
  { db }: Pick<RepositoryContext, 'db'>,
  { prepareWrite }: ContentOperations,
  get: GetAsset,
) {
  const effect = (allowed: SQL, moves: boolean) => {
    const { expressions, isFree } = targetAsset(
      db,
      sql`deleted_at is null and ${allowed} and ${hasTag(storedAssetTag)}`,
      'share',
    );
    const wanted = sql`select ${param('folder')}::text from target where episode_id is null and ${isFree}`;
    const tree = moves ? ensureFolders(db, wanted, allowed) : folderStays;
    const counted = countRows('assets', 'written', 0);
    const isMoved = sql`${param('path')}::text is not null`;
    const field = (name: string, column: string, type: string) =>
      sql`${sql.raw(column)} = case when ${param(`set ${name}`)}::boolean
        then ${param(name)}::${sql.raw(type)} else ${sql.raw(column)} end`;
    const written = db.$with('written', {}).as(sql`
      update ${assets} set
        local_path = case when not ${isMoved} then local_path
          when episode_id is null then ${param('fileName')} else ${param('path')} end,
        folder_id = case when ${isMoved} and episode_id is null
          then ${tree.idOf(sql`${param('folder')}::text`)} else folder_id end,
        kind = coalesce(${param('kind')}, kind),
        uri = coalesce(${param('uri')}, uri),
        ${field('contentType', 'content_type', 'text')},
        ${field('sizeBytes', 'size_bytes', 'bigint')},
        ${field('checksum', 'checksum', 'text')},
        tags = coalesce(${jsonParam('tags')}, tags),
        metadata = case when ${param('set metadata')}::boolean then ${jsonParam('metadata')} else metadata end,
        version = version + 1, updated_at = now()
      where ${isAsset} and deleted_at is null and exists (select from target) and ${isFree} and ${tree.isReady}
        and ${hasTag(storedAssetTag)}
      returning *`);
    const path = tree.pathOf(sql.raw('folder_id'));
    return {
      expressions: [
        ...expressions,
        ...tree.expressions,
        written,
        countContents(
          db,
          moves ? sql`${counted} union all ${countRows('folders', 'made_folders', 1)}` : counted,
        ),
      ],
      answer: sql`select id::text as ids, ${assetTag(path)} as tag, ${assetItem(path)} as item,
        false as inserted from written`,
      isReady: tree.isReady,
      isWhole: tree.isUsed,
    };
  };
  const writeInPlace = prepareWrite('asset_update', (allowed) => effect(allowed, false));
  const move = prepareWrite('asset_move', (allowed) => effect(allowed, true));

  const writeOnce = (
    caller: ContentCaller,
    assetId: string,
    changes: AssetChanges,
    expected: Expected,
  ) => {
    const values = { ...versionParams(expected), ...changeParams(changes), assetId };
    const write = changes.path === undefined ? writeInPlace : move;
    return writeOrExplain(
      {
        write: () => write(caller, values),
        read: () => get(caller, assetId),
      },
      expected,
    );
  };

  return (
    caller: ContentCaller,
    assetId: string,
    changes: AssetChanges,
    expected: Expected,
    merge: MergeMetadata | null,
  ) => {
    const resource = {
      needed: 'editor' as const,
      stateOf: itemState,
      read: async () => active(await get(caller, assetId)),
      write: (given: AssetChanges, version: Expected) => writeOnce(caller, assetId, given, version),
    };
    return updateFields(resource, changes, expected, merge);
  };
}

/** @returns the parameters of the statement for the given fields */
function changeParams(changes: AssetChanges) {
  const { path, kind, uri, contentType, sizeBytes, checksum, tags, metadata } = changes;
  return {
    path: path ?? null,
    folder: path === undefined ? null : parentPath(path),
    fileName: path === undefined ? null : `/${lastSegment(path)}`,
    kind: kind ?? null,
    uri: uri ?? null,
    'set contentType': contentType !== undefined,
    contentType: contentType ?? null,
    'set sizeBytes': sizeBytes !== undefined,
    sizeBytes: sizeBytes ?? null,
    'set checksum': checksum !== undefined,
    checksum: checksum ?? null,
    tags: tags ?? null,
    'set metadata': metadata !== undefined,
    metadata: metadata ?? null,
  };
}
