import { Type } from '@sinclair/typebox';
import { sql } from 'drizzle-orm';
import { assets } from '../../db/schema/assets.js';
import { episodes } from '../../db/schema/episodes.js';
import { Failure } from '../../failure.js';
import { inSpace } from '../contents/access.js';
import { countContents, countRows } from '../contents/counters.js';
import { hasTag, type Written } from '../contents/item.js';
import type { ContentCaller, ContentOperations, ContentResult } from '../contents/operations.js';
import { explainMiss, settled } from '../contents/state.js';
import type { RepositoryContext } from '../context.js';
import { ensureFolders } from '../folders/tree.js';
import type { IdempotencyKey } from '../idempotency.js';
import { untilDone } from '../retry.js';
import { newRevision } from '../revision.js';
import { type Expected, expectTag, versionParams } from '../version.js';
import type { GetAsset } from './get.js';
import { targetAsset } from './guard.js';
import { assetItem, assetTag, isAsset, storedAssetTag } from './item.js';

/**
 * Restores a deleted asset into its episode or its folder, which is created if it is missing. An asset that is
 * not deleted stays unchanged.
 *
 * @returns a function. Needs the role `editor`; throws `Failure` `path_taken` if another asset has the path
 *   now, `write_protected`, `asset_episode_deleted`, `precondition_failed`, and the failures of
 *   `executeIdempotent`
 */
export function restoreAsset(
  { db }: Pick<RepositoryContext, 'db'>,
  { prepareKeyedWrite, prepareQuery, reading }: ContentOperations,
  get: GetAsset,
) {
  const write = prepareKeyedWrite('asset_restore', (allowed) => {
    // Before the asset is written, because Citus executes the expressions one after another.
    const unchanged = db.$with('unchanged', {}).as(sql`
      select id::text as ids, ${assetTag()} as tag, ${assetItem()} as item, false as inserted from ${assets}
      where ${isAsset} and deleted_at is null and ${allowed} and ${hasTag(storedAssetTag)}`);
    const { expressions, isFree } = targetAsset(
      db,
      sql`deleted_at is not null and ${allowed} and ${hasTag(storedAssetTag)}`,
      'no key update',
    );
    const tree = ensureFolders(db, sql`select deleted_from from target`, allowed);
    // A concurrent deletion of the episode that does not see the asset is retried.
    const touched = db.$with('touched_episode', {}).as(sql`
      update ${episodes} set assets_revision = ${newRevision}
      where ${inSpace(episodes)} and id = (select id from locked_episode)`);
    const written = db.$with('written', {}).as(sql`
      update ${assets} set deleted_at = null, deleted_from = null, deleted_with_episode = false,
        folder_id = ${tree.idOf(sql`(select deleted_from from target)`)},
        version = version + 1, updated_at = now()
      where ${isAsset} and exists (select from target) and deleted_at is not null and ${isFree}
        and ${tree.isReady} and not exists (select from unchanged)
      returning *`);
    const path = tree.pathOf(sql.raw('folder_id'));
    return {
      expressions: [
        unchanged,
        ...expressions,
        ...tree.expressions,
        touched,
        written,
        countContents(
          db,
          sql`${countRows('assets', 'written', 1)} union all ${countRows('folders', 'made_folders', 1)}`,
        ),
      ],
      answer: sql`select id::text as ids, ${assetTag(path)} as tag, ${assetItem(path)} as item,
        true as inserted from written union all select * from unchanged`,
      isReady: tree.isReady,
      isWhole: tree.isUsed,
    };
  });

  const deletedEpisode = prepareQuery(
    'asset_deleted_episode',
    sql`select to_jsonb(true) as answer
      from ${episodes}
      where ${inSpace(episodes)} and deleted_at is not null and ${reading.allowed}
        and id = (select ${assets.episodeId} from ${assets} where ${isAsset})`,
    Type.Boolean(),
  );

  return async (
    caller: ContentCaller,
    assetId: string,
    expected: Expected,
    key: IdempotencyKey | null,
  ): Promise<ContentResult<Written>> => {
    const operation = `restoreAsset ${assetId}`;
    return untilDone<ContentResult<Written>>(async () => {
      const outcome = await write(caller, { ...versionParams(expected), assetId }, operation, key);
      const result = settled(outcome);
      if (result !== undefined) return result;
      const found = await get(caller, assetId);
      if (!found?.value) return found && { ...found, value: null };
      if (!found.value.isDeleted) {
        expectTag(found.value.tag, expected);
        return { ...found, value: { ...found.value, inserted: false, replayed: false } };
      }
      if (await deletedEpisode(caller, { assetId })) throw episodeDeleted();
      explainMiss(found, expected);
      return undefined;
    });
  };
}

function episodeDeleted(): Failure {
  return new Failure('asset_episode_deleted', {});
}
