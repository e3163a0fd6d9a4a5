import { type SQL, sql, type SQLWrapper } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { folders, folderTrees, parentOf, pathDigest, pathPrefix } from '../../db/schema/folders.js';
import { ROOT } from '../../path.js';
import { fromOwnNamespace } from '../access/guard.js';
import { param } from '../access/statement.js';
import { inSpace } from '../contents/access.js';
import { newRevision } from '../revision.js';

/** The condition that a folder has a path. */
export function hasPath(path: SQLWrapper): SQL {
  return sql`(${inSpace(folders)} and ${pathDigest(folders.path)} = ${pathDigest(path)}
    and ${folders.path} = ${path})`;
}

/** @returns the path of the parent folder; the root is `/` */
export function parentOfPath(path: SQLWrapper): SQL {
  return sql`coalesce(nullif(${parentOf(path)}, ''), ${sql.raw(`'${ROOT}'`)})`;
}

/** The condition that a folder is a direct child of the folder with a path. */
export function isChildOf(path: SQLWrapper): SQL {
  return sql`(${inSpace(folders)}
    and ${pathDigest(parentOf(folders.path))} = ${pathDigest(sql`rtrim(${path}, '/')`)}
    and ${parentOf(folders.path)} = rtrim(${path}, '/'))`;
}

/** The condition that a folder is below a path; `0` is the character after `/`. */
export function isBelow(path: SQLWrapper): SQL {
  const [from, to] = [sql`(${path} || '/')`, sql`(${path} || '0')`];
  return sql`(${inSpace(folders)}
    and ${pathPrefix(folders.path)} >= ${pathPrefix(from)} and ${pathPrefix(folders.path)} <= ${pathPrefix(to)}
    and ${folders.path} > ${from} and ${folders.path} < ${to})`;
}

/** The path of the folder of a row; null if the folder is more recent than the snapshot. */
export function folderPath(folderId: SQLWrapper): SQL<string | null> {
  return sql<string | null>`case when ${folderId} is null then ${sql.raw(`'${ROOT}'`)} else (
    select ${folders.path} from ${folders} where ${inSpace(folders)} and ${folders.id} = ${folderId}) end`;
}

/**
 * Adds the condition that a row is in a folder, or also in a folder below it.
 *
 * @param add the function of `commonConditions`
 * @param isActive whether only active rows are listed; deleted ones store the path of their former folder,
 *   without an index
 */
export function foldersWithin(
  add: (name: string, value: unknown, by: string | null, condition: SQL) => void,
  { folder, recursive, isActive }: { folder: string; recursive: boolean; isActive: boolean },
): void {
  if (folder === ROOT && recursive) return;
  // Different parameter names, so that each statement gets its own name.
  const name = recursive ? 'subtree' : folder === ROOT ? 'root' : 'folder';
  const path = sql`${param(name)}::text`;
  const which = recursive ? sql`${hasPath(path)} or ${isBelow(path)}` : hasPath(path);
  const ids = sql`any(array(select ${folders.id} from ${folders} where ${which}))`;
  const isIn = folder === ROOT ? sql`folder_id is null` : sql`folder_id = ${ids}`;
  if (isActive) {
    add(name, folder, 'folder', isIn);
    return;
  }
  const was = sql`coalesce(deleted_from, ${sql.raw(`'${ROOT}'`)})`;
  const wasIn = recursive ? sql`starts_with(${was} || '/', ${path} || '/')` : sql`${was} = ${path}`;
  add(name, folder, null, sql`case when deleted_at is not null then ${wasIn} else ${isIn} end`);
}

/**
 * The common table expression `changed_tree`, for a space that has had a folder: it has a row if this statement
 * may change the shape of the tree, because no other statement has changed it since the snapshot. The row lock
 * prevents concurrent changes until the transaction ends.
 *
 * @param condition the condition that the tree changes
 * @param seen a query of the revision in the snapshot
 */
export function changeTree(
  db: Database,
  condition: SQL,
  seen = sql`select revision from ${folderTrees} where ${inSpace(folderTrees)}`,
  name = 'changed_tree',
) {
  return db.$with(name, {}).as(sql`
    update ${folderTrees} set revision = ${newRevision}
    where ${inSpace(folderTrees)} and ${condition} and ${folderTrees.revision} = (${seen})
    returning revision`);
}

/**
 * As `changeTree`, for a space that may not have had a folder yet. `seen_tree` must precede the expressions
 * that decide on the change.
 */
function changeAnyTree(db: Database, condition: SQL) {
  const seen = db
    .$with('seen_tree', {})
    .as(sql`select revision from ${folderTrees} where ${inSpace(folderTrees)}`);
  const updated = changeTree(db, condition, sql`select revision from seen_tree`, 'updated_tree');
  const begun = db.$with('begun_tree', {}).as(sql`
    insert into ${folderTrees} as begun (namespace_id, space_id, revision)
    select own.id, ${param('spaceId')}::uuid, ${newRevision}
    ${fromOwnNamespace(sql``, sql`${condition} and not exists (select from seen_tree)`)}
    on conflict (namespace_id, space_id) do nothing
    returning begun.revision`);
  const changed = db
    .$with('changed_tree', {})
    .as(sql`select revision from updated_tree union all select revision from begun_tree`);
  return { seen, expressions: [updated, begun, changed] };
}

/**
 * A new UUIDv7 for the folder of a path. Not the default of the column, which is volatile, so that Citus would
 * not send the insert to its shard.
 */
export function newFolderId(path: SQLWrapper): SQL {
  const digest = sql`md5(${path} || ' ' || ${param('spaceId')}::text || now()::text || pg_backend_pid())`;
  return sql`(lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0') || '7' || left(${digest}, 3)
    || '8' || right(${digest}, 15))::uuid`;
}

/** The equivalent of `ensureFolders` for a statement without a new folder. */
export const folderStays = {
  expressions: [],
  isReady: sql<boolean>`true`,
  isUsed: sql`true`,
  idOf: () => sql`null::uuid`,
  pathOf: folderPath,
};

/**
 * Finds the folders of several paths, and creates missing ones with their missing ancestors.
 *
 * An existing folder is locked, so that it cannot be moved or deleted before the statement has written into it.
 * Creating a folder changes the tree, which only one statement at a time may do. `isReady` is false if another
 * statement has changed the tree: then the statement must do nothing, and is retried. The rows are written in the
 * expression `written`.
 *
 * @param wanted a query of one column, the paths; null and the root are skipped
 * @param allowed the condition that the caller may write
 * @param changes the condition that the statement changes the tree even if no folder is missing
 */
export function ensureFolders(db: Database, wanted: SQL, allowed: SQL, changes = sql`false`) {
  const wantedFolders = db.$with('wanted_folders', {}).as(sql`
    select path, exists (select from ${folders} where ${hasPath(sql`wanted.path`)}) as is_known
    from (select distinct path collate "C" as path from (${wanted}) as paths (path)) as wanted
    where path <> ${sql.raw(`'${ROOT}'`)} and ${allowed}`);
  const isMissing = sql`(exists (select from wanted_folders where not is_known) or (${allowed} and ${changes}))`;
  const tree = changeAnyTree(db, isMissing);
  // The tree is locked before its folders, as in moves and deletions.
  const presentFolders = db.$with('present_folders', {}).as(sql`
    select id, path from ${folders}
    where ${inSpace(folders)}
      and ${pathDigest(folders.path)} = any(array(select ${pathDigest(sql`path`)} from wanted_folders))
      and ${folders.path} = any(array(select path from wanted_folders))
      and (select count(*) from changed_tree) >= 0
    order by id for share`);
  const missingFolders = db.$with('missing_folders', {}).as(sql`
    select distinct array_to_string(parts[1:length], '/') collate "C" as path
    from (select string_to_array(path, '/') as parts from wanted_folders where not is_known) as missing,
      generate_series(2, cardinality(parts)) as length`);
  const madeFolders = db.$with('made_folders', {}).as(sql`
    insert into ${folders} as made (namespace_id, space_id, id, path)
    select own.id, ${param('spaceId')}::uuid, ${newFolderId(sql`way.path`)}, way.path
    ${fromOwnNamespace(
      sql`, missing_folders as way`,
      sql`exists (select from changed_tree) and not exists (select from ${folders} where ${hasPath(sql`way.path`)})`,
    )}
    returning made.id, made.path`);
  const ensured = db.$with('ensured_folders', {}).as(sql`
    select id, path from present_folders union all select id, path from made_folders`);
  return {
    expressions: [
      tree.seen,
      wantedFolders,
      ...tree.expressions,
      presentFolders,
      missingFolders,
      madeFolders,
      ensured,
    ],
    isReady: sql<boolean>`((not ${isMissing} or exists (select from changed_tree)) and not exists (
      select 1 from wanted_folders where path not in (select path from ensured_folders)))`,
    /** the condition that a row was written if folders were created for it; for `isWhole` of the effect */
    isUsed: sql`(not exists (select from made_folders) or exists (select from written))`,
    /** @returns the id of the folder of a path; null for the root */
    idOf: (path: SQLWrapper) => sql`(select id from ensured_folders where path = ${path})`,
    /** @returns the path of the folder of a row that this statement has written */
    pathOf: (folderId: SQLWrapper) => sql`coalesce(
      (select path from ensured_folders where id = ${folderId}), ${folderPath(folderId)})`,
  };
}
