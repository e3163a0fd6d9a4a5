import { sql } from 'drizzle-orm';
import { assets } from '../../db/schema/assets.js';
import { episodes } from '../../db/schema/episodes.js';
import { inSpace } from '../contents/access.js';
import { countContents, countRows } from '../contents/counters.js';
import { hasTag, type Written } from '../contents/item.js';
import type { ContentCaller, ContentOperations, ContentResult } from '../contents/operations.js';
import { explainMiss, settled } from '../contents/state.js';
import type { RepositoryContext } from '../context.js';
import { ensureFolders } from '../folders/tree.js';
import type { IdempotencyKey } from '../idempotency.js';
import { untilDone } from '../retry.js';
import { type Expected, expectTag, versionParams } from '../version.js';
import type { GetEpisode } from './get.js';
import { episodeItem, episodeTag, isNamedEpisode, storedEpisodeTag } from './item.js';

/**
 * Restores a deleted episode, and the assets that were deleted with it, into its folder, which is created if it
 * is missing. An episode that is not deleted stays unchanged.
 *
 * @returns a function. Needs the role `editor`; throws `Failure` `precondition_failed`, and the failures of
 *   `executeIdempotent`
 */
export function restoreEpisode(
  { db }: Pick<RepositoryContext, 'db'>,
  { prepareKeyedWrite }: ContentOperations,
  get: GetEpisode,
) {
  const write = prepareKeyedWrite('episode_restore', (allowed) => {
    // Both before the episode is written, because Citus executes the expressions one after another.
    const unchanged = db.$with('unchanged', {}).as(sql`
      select id::text as ids, ${episodeTag()} as tag, ${episodeItem()} as item, false as inserted from ${episodes}
      where ${isNamedEpisode} and deleted_at is null and ${allowed} and ${hasTag(storedEpisodeTag)}`);
    const target = db.$with('target', {}).as(sql`
      select id, version, deleted_from from ${episodes}
      where ${isNamedEpisode} and deleted_at is not null and ${allowed} and ${hasTag(storedEpisodeTag)}`);
    const tree = ensureFolders(db, sql`select deleted_from from target`, allowed);
    const written = db.$with('written', {}).as(sql`
      update ${episodes} set deleted_at = null, deleted_from = null,
        folder_id = ${tree.idOf(sql`(select deleted_from from target)`)},
        version = version + 1, updated_at = now()
      where ${isNamedEpisode} and id = (select id from target) and version = (select version from target)
        and ${tree.isReady} and not exists (select from unchanged)
      returning *`);
    const shown = db.$with('shown', {}).as(sql`
      update ${assets} set deleted_at = null, deleted_with_episode = false
      where ${inSpace(assets)} and episode_id = (select id from written) and deleted_with_episode
      returning id`);
    const path = tree.pathOf(sql.raw('folder_id'));
    return {
      expressions: [
        unchanged,
        target,
        ...tree.expressions,
        written,
        shown,
        countContents(
          db,
          sql`${countRows('episodes', 'written', 1)} union all ${countRows('assets', 'shown', 1)}
            union all ${countRows('folders', 'made_folders', 1)}`,
        ),
      ],
      answer: sql`select id::text as ids, ${episodeTag(path)} as tag, ${episodeItem(path)} as item,
        true as inserted from written union all select * from unchanged`,
      isReady: tree.isReady,
      isWhole: tree.isUsed,
    };
  });

  return async (
    caller: ContentCaller,
    episode: string,
    expected: Expected,
    key: IdempotencyKey | null,
  ): Promise<ContentResult<Written>> => {
    const operation = `restoreEpisode ${episode}`;
    return untilDone<ContentResult<Written>>(async () => {
      const outcome = await write(caller, { ...versionParams(expected), episode }, operation, key);
      const result = settled(outcome);
      if (result !== undefined) return result;
      const found = await get(caller, episode);
      if (!found?.value) return found && { ...found, value: null };
      if (!found.value.isDeleted) {
        expectTag(found.value.tag, expected);
        return { ...found, value: { ...found.value, inserted: false, replayed: false } };
      }
      explainMiss(found, expected);
      return undefined;
    });
  };
}
