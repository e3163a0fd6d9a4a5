import { Type } from '@sinclair/typebox';
import { sql } from 'drizzle-orm';
import type { JsonObject } from '../../db/schema/columns.js';
import { episodes } from '../../db/schema/episodes.js';
import { folders } from '../../db/schema/folders.js';
import { Failure } from '../../failure.js';
import { param } from '../access/statement.js';
import { inSpace } from '../contents/access.js';
import { countContents, countRows } from '../contents/counters.js';
import { type ContentItem, hasTag, itemState } from '../contents/item.js';
import type { ContentCaller, ContentOperations, ContentResult } from '../contents/operations.js';
import { settled } from '../contents/state.js';
import type { RepositoryContext } from '../context.js';
import { untilDone } from '../retry.js';
import { jsonParam } from '../spaces/columns.js';
import { type MergeMetadata, updateFields } from '../update-fields.js';
import { type Expected, expectTag, versionParams } from '../version.js';
import type { GetFolder } from './get.js';
import { folderItem, folderTag, isFolder } from './item.js';
import { ensureFolders, hasPath, isBelow, parentOfPath } from './tree.js';

/** The fields of a folder to write; absent ones stay unchanged. */
export interface FolderChanges {
  /** moves the folder with everything below */
  path?: string;
  metadata?: JsonObject | null;
}

/** The obstacles to the move of a folder. */
const Obstacles = Type.Object({
  isCycle: Type.Boolean(),
  isTaken: Type.Boolean(),
  isProtected: Type.Boolean(),
});

/**
 * Updates the given fields of a folder. A new path moves the whole subtree atomically, and creates missing
 * ancestors. Episodes and assets are not written, because they reference their folder by id.
 *
 * @returns a function. Needs the role `editor`; throws `Failure` `folder_cycle`, `path_taken`,
 *   `folder_protected` where a protected episode is in the subtree, or `precondition_failed`
 */
export function updateFolder(
  { db }: Pick<RepositoryContext, 'db'>,
  { prepareWrite, prepareQuery, reading }: ContentOperations,
  get: GetFolder,
) {
  const path = sql`${param('path')}::text`;
  const newMetadata = sql`case when ${param('setMetadata')}::boolean
    then ${jsonParam('metadata')} else metadata end`;
  const answer = sql`select id::text as ids, ${folderTag} as tag, ${folderItem} as item, false as inserted
    from written where id = ${param('folderId')}::uuid`;
  const from = sql`(select path from moving)`;
  const isCycle = sql`starts_with(${path}, ${from} || '/')`;
  const isTaken = sql`exists (select from ${folders} where ${hasPath(path)})`;
  const isProtected = sql`exists (
    select from ${episodes}
    where ${inSpace(episodes)} and write_protected and folder_id = any(array(
      select id from ${folders} where ${hasPath(from)} or ${isBelow(from)})))`;

  const writeMetadata = prepareWrite('folder_update', (allowed) => {
    const written = db.$with('written', {}).as(sql`
      update ${folders} set metadata = ${newMetadata}, version = version + 1, updated_at = now()
      where ${isFolder} and ${allowed} and ${hasTag(folderTag)}
      returning *`);
    return {
      expressions: [written, countContents(db, countRows('folders', 'written', 0))],
      answer,
    };
  });
  const move = prepareWrite('folder_move', (allowed) => {
    const target = db.$with('target', {}).as(sql`
      select id, path from ${folders} where ${isFolder} and ${allowed} and ${hasTag(folderTag)}`);
    const moving = db.$with('moving', {}).as(sql`
      select path from target where path <> ${path}`);
    const isMoving = sql`exists (select from moving)`;
    const mayMove = sql`(not ${isMoving} or not (${isCycle} or ${isTaken} or ${isProtected}))`;
    const tree = ensureFolders(
      db,
      sql`select ${parentOfPath(path)} from moving where ${mayMove}`,
      allowed,
      isMoving,
    );
    // After the tree, and before any row is written: the folder may have been written since the snapshot.
    const locked = db.$with('locked_folder', {}).as(sql`
      select id from ${folders}
      where ${isFolder} and exists (select from target) and ${hasTag(folderTag)}
        and (select count(*) from changed_tree) >= 0
      for no key update`);
    const written = db.$with('written', {}).as(sql`
      update ${folders} set
        path = case when ${isMoving} then ${path} || substr(path, length(${from}) + 1) else path end,
        metadata = case when ${isFolder} then ${newMetadata} else metadata end,
        version = version + 1, updated_at = now()
      where (${isFolder} or ${isBelow(from)})
        and exists (select from locked_folder) and ${tree.isReady} and ${mayMove}
      returning *`);
    return {
      expressions: [
        target,
        moving,
        ...tree.expressions,
        locked,
        written,
        // A move changes the lists of episodes and assets, which show the paths of their folders.
        countContents(
          db,
          sql`${countRows('folders', 'written', 0)} union all ${countRows('folders', 'made_folders', 1)}
            union all select kind, 0 from (values ('episodes'), ('assets')) as moved (kind)
            where ${isMoving} and exists (select from written)`,
        ),
      ],
      answer,
      isReady: tree.isReady,
      isWhole: tree.isUsed,
    };
  });

  const obstacles = prepareQuery(
    'folder_move_obstacles',
    sql`with moving as (select path from ${folders} where ${isFolder} and path <> ${path})
      select jsonb_build_object('isCycle', ${isCycle}, 'isTaken', ${isTaken}, 'isProtected', ${isProtected}) as answer
      from moving where ${reading.allowed}`,
    Obstacles,
  );

  async function explain(
    caller: ContentCaller,
    folderId: string,
    changes: FolderChanges,
    expected: Expected,
  ): Promise<void> {
    const found = await get(caller, folderId);
    if (!found?.value) return;
    if (changes.path !== undefined) {
      const obstacle = await obstacles(caller, { folderId, path: changes.path });
      if (obstacle?.isProtected) throw new Failure('folder_protected', {});
      expectTag(found.value.tag, expected);
      if (obstacle?.isCycle) throw new Failure('folder_cycle', {});
      if (obstacle?.isTaken) throw new Failure('path_taken', {});
    }
    expectTag(found.value.tag, expected);
  }

  const writeOnce = async (
    caller: ContentCaller,
    folderId: string,
    changes: FolderChanges,
    expected: Expected,
  ): Promise<ContentResult<ContentItem>> => {
    const values = {
      ...versionParams(expected),
      folderId,
      path: changes.path ?? null,
      setMetadata: changes.metadata !== undefined,
      metadata: changes.metadata ?? null,
    };
    const write = changes.path === undefined ? writeMetadata : move;
    return untilDone(async () => {
      const outcome = await write(caller, values);
      const result = settled(outcome);
      if (result !== undefined) return result;
      const found = await get(caller, folderId);
      if (!found?.value) return found && { ...found, value: null };
      await explain(caller, folderId, changes, expected);
      return undefined;
    });
  };

  return (
    caller: ContentCaller,
    folderId: string,
    changes: FolderChanges,
    expected: Expected,
    merge: MergeMetadata | null,
  ) => {
    const resource = {
      needed: 'editor' as const,
      stateOf: itemState,
      read: () => get(caller, folderId),
      write: (given: FolderChanges, version: Expected) =>
        writeOnce(caller, folderId, given, version),
    };
    return updateFields(resource, changes, expected, merge);
  };
}
