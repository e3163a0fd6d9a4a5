import { sql } from 'drizzle-orm';
import { assets } from '../../db/schema/assets.js';
import { episodes } from '../../db/schema/episodes.js';
import { folders } from '../../db/schema/folders.js';
import { Failure } from '../../failure.js';
import { includesRole } from '../access/principal.js';
import { inSpace } from '../contents/access.js';
import { countRows, recountContents } from '../contents/counters.js';
import { hasTag } from '../contents/item.js';
import type { ContentCaller, ContentOperations, ContentResult } from '../contents/operations.js';
import type { RepositoryContext } from '../context.js';
import { type Expected, expectTag, versionParams } from '../version.js';
import type { GetFolder } from './get.js';
import { folderTag, isFolder } from './item.js';
import { changeTree, isChildOf } from './tree.js';

/**
 * Deletes an empty folder permanently. A foreign key rejects the deletion if something was inserted
 * concurrently.
 *
 * @returns a function. Needs the role `editor`; throws `Failure` `folder_not_empty` or `precondition_failed`
 */
export function deleteFolder(
  { db }: Pick<RepositoryContext, 'db'>,
  { prepareWrite }: ContentOperations,
  get: GetFolder,
) {
  const write = prepareWrite('folder_delete', (allowed) => {
    const target = db.$with('target', {}).as(sql`
      select id, path from ${folders} where ${isFolder} and ${allowed} and ${hasTag(folderTag)}`);
    const path = sql`(select path from target)`;
    const isEmpty = sql`not (exists (select from ${folders} where ${isChildOf(path)})
      or exists (select from ${episodes} where ${inSpace(episodes)} and folder_id = (select id from target))
      or exists (select from ${assets} where ${inSpace(assets)} and folder_id = (select id from target)))`;
    const changed = changeTree(db, sql`exists (select from target) and ${isEmpty}`);
    const written = db.$with('written', {}).as(sql`
      delete from ${folders}
      where ${isFolder} and ${hasTag(folderTag)} and exists (select from changed_tree)
      returning *`);
    return {
      expressions: [
        target,
        changed,
        written,
        recountContents(db, countRows('folders', 'written', -1)),
      ],
      answer: sql`select id::text as ids, ${folderTag} as tag, '' as item, false as inserted from written`,
      isReady: sql`(not (exists (select from target) and ${isEmpty}) or exists (select from changed_tree))`,
    };
  });

  return async (
    caller: ContentCaller,
    folderId: string,
    expected: Expected,
  ): Promise<ContentResult<{ tag: string }>> => {
    const outcome = await write(caller, { ...versionParams(expected), folderId });
    if (!outcome?.isSpace || outcome.value || !includesRole(outcome.role, 'editor')) return outcome;
    const found = await get(caller, folderId);
    if (!found?.value) return found;
    expectTag(found.value.tag, expected);
    throw new Failure('folder_not_empty', {});
  };
}
