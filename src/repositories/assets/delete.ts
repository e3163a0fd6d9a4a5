import { sql } from 'drizzle-orm';
import { assets } from '../../db/schema/assets.js';
import { ROOT } from '../../path.js';
import { countContents, countRows } from '../contents/counters.js';
import { hasTag } from '../contents/item.js';
import type { ContentCaller, ContentOperations } from '../contents/operations.js';
import { writeOrExplain } from '../contents/state.js';
import type { RepositoryContext } from '../context.js';
import { folderPath } from '../folders/tree.js';
import { type Expected, versionParams } from '../version.js';
import type { GetAsset } from './get.js';
import { targetAsset } from './guard.js';
import { assetTag, isAsset, storedAssetTag } from './item.js';

/**
 * Soft-deletes an asset. Its path is free immediately.
 *
 * @returns a function, whose value is the tag of the deleted asset. Needs the role `editor`; throws `Failure`
 *   `write_protected` or `precondition_failed`
 */
export function deleteAsset(
  { db }: Pick<RepositoryContext, 'db'>,
  { prepareWrite }: ContentOperations,
  get: GetAsset,
) {
  const write = prepareWrite('asset_delete', (allowed) => {
    const { expressions, isFree } = targetAsset(
      db,
      sql`deleted_at is null and ${allowed}`,
      'share',
    );
    const written = db.$with('written', {}).as(sql`
      update ${assets} set deleted_at = now(), folder_id = null,
        deleted_from = nullif(${folderPath(assets.folderId)}, ${sql.raw(`'${ROOT}'`)}),
        version = version + 1, updated_at = now()
      where ${isAsset} and deleted_at is null and ${allowed} and ${isFree} and ${hasTag(storedAssetTag)}
      returning *`);
    return {
      expressions: [...expressions, written, countContents(db, countRows('assets', 'written', -1))],
      answer: sql`select id::text as ids, ${assetTag()} as tag, '' as item, false as inserted from written`,
    };
  });

  return (caller: ContentCaller, assetId: string, expected: Expected) => {
    const values = { ...versionParams(expected), assetId };
    return writeOrExplain(
      { write: () => write(caller, values), read: () => get(caller, assetId) },
      expected,
    );
  };
}
