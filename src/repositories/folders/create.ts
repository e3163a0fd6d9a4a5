import { sql } from 'drizzle-orm';
import type { JsonObject } from '../../db/schema/columns.js';
import { folders } from '../../db/schema/folders.js';
import { fromOwnNamespace } from '../access/guard.js';
import { param } from '../access/statement.js';
import { countContents, countRows } from '../contents/counters.js';
import { type ContentCaller, type ContentOperations, withItem } from '../contents/operations.js';
import type { RepositoryContext } from '../context.js';
import type { IdempotencyKey } from '../idempotency.js';
import { jsonParam } from '../spaces/columns.js';
import { folderItem, folderTag } from './item.js';
import { ensureFolders, newFolderId, parentOfPath } from './tree.js';

/**
 * Creates a folder and its missing ancestors.
 *
 * @returns a function. Needs the role `editor`; throws `Failure` `path_taken` if a folder has the path, and the
 *   failures of `executeIdempotent`
 */
export function createFolder(
  { db }: Pick<RepositoryContext, 'db'>,
  { prepareKeyedWrite }: ContentOperations,
) {
  const path = sql`${param('path')}::text`;
  const write = prepareKeyedWrite('folder_create', (allowed) => {
    const tree = ensureFolders(db, sql`select ${parentOfPath(path)}`, allowed, sql`true`);
    const written = db.$with('written', {}).as(sql`
      insert into ${folders} as made (namespace_id, space_id, id, path, metadata)
      select own.id, ${param('spaceId')}::uuid, ${newFolderId(path)}, ${path}, ${jsonParam('metadata')}
      ${fromOwnNamespace(sql``, sql`${allowed} and ${tree.isReady}`)}
      returning made.*`);
    return {
      expressions: [
        ...tree.expressions,
        written,
        countContents(
          db,
          sql`${countRows('folders', 'written', 1)} union all ${countRows('folders', 'made_folders', 1)}`,
        ),
      ],
      answer: sql`select id::text as ids, ${folderTag} as tag, ${folderItem} as item, true as inserted
        from written`,
      isReady: tree.isReady,
      isWhole: tree.isUsed,
    };
  });

  return async (
    caller: ContentCaller,
    folder: { path: string; metadata: JsonObject | null },
    key: IdempotencyKey | null,
  ) => withItem(await write(caller, folder, 'createFolder', key));
}
