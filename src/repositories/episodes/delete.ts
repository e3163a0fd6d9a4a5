import { sql } from 'drizzle-orm';
import { assets } from '../../db/schema/assets.js';
import { episodes } from '../../db/schema/episodes.js';
import { ROOT } from '../../path.js';
import { inSpace } from '../contents/access.js';
import { countContents, countRows } from '../contents/counters.js';
import { hasTag } from '../contents/item.js';
import type { ContentCaller, ContentOperations } from '../contents/operations.js';
import { writeOrExplain } from '../contents/state.js';
import type { RepositoryContext } from '../context.js';
import { folderPath } from '../folders/tree.js';
import { type Expected, versionParams } from '../version.js';
import type { GetEpisode } from './get.js';
import { episodeTag, isNamedEpisode, storedEpisodeTag } from './item.js';

/**
 * Soft-deletes an episode and its assets. If an asset was written between the snapshot of the statement and its
 * lock on the episode, the statement would miss it: then it does nothing and is retried.
 *
 * @returns a function, whose value is the tag of the deleted episode. Needs the role `editor`; throws
 *   `Failure` `write_protected` or `precondition_failed`
 */
export function deleteEpisode(
  { db }: Pick<RepositoryContext, 'db'>,
  { prepareWrite }: ContentOperations,
  get: GetEpisode,
) {
  const write = prepareWrite('episode_delete', (allowed) => {
    const locked = db.$with('locked_episode', {}).as(sql`
      select id, assets_revision from ${episodes}
      where ${isNamedEpisode} and deleted_at is null and not write_protected and ${allowed}
        and ${hasTag(storedEpisodeTag)}
      for no key update`);
    const isReady = sql`(select assets_revision from locked_episode) is not distinct from (
      select assets_revision from ${episodes}
      where ${isNamedEpisode} and exists (select from locked_episode))`;
    const written = db.$with('written', {}).as(sql`
      update ${episodes} set deleted_at = now(), folder_id = null,
        deleted_from = nullif(${folderPath(episodes.folderId)}, ${sql.raw(`'${ROOT}'`)}),
        version = version + 1, updated_at = now()
      where ${inSpace(episodes)} and id = (select id from locked_episode) and ${isReady}
      returning *`);
    const hidden = db.$with('hidden', {}).as(sql`
      update ${assets} set deleted_at = now(), deleted_with_episode = true
      where ${inSpace(assets)} and episode_id = (select id from written) and deleted_at is null
      returning id`);
    return {
      expressions: [
        locked,
        written,
        hidden,
        countContents(
          db,
          sql`${countRows('episodes', 'written', -1)} union all ${countRows('assets', 'hidden', -1)}`,
        ),
      ],
      answer: sql`select id::text as ids, ${episodeTag()} as tag, '' as item, false as inserted from written`,
      isReady,
    };
  });

  return (caller: ContentCaller, episode: string, expected: Expected) => {
    const values = { ...versionParams(expected), episode };
    return writeOrExplain(
      { write: () => write(caller, values), read: () => get(caller, episode) },
      expected,
    );
  };
}
