import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { episodes } from '../../db/schema/episodes.js';
import { timeOfId } from '../../db/schema/spaces.js';
import { Failure } from '../../failure.js';
import { fromOwnNamespace } from '../access/guard.js';
import { param } from '../access/statement.js';
import { countContents, countRows } from '../contents/counters.js';
import { hasTag, type Written } from '../contents/item.js';
import type { ContentCaller, ContentOperations, ContentResult } from '../contents/operations.js';
import { explainMiss, settled } from '../contents/state.js';
import type { RepositoryContext } from '../context.js';
import { ensureFolders } from '../folders/tree.js';
import type { IdempotencyKey } from '../idempotency.js';
import { untilDone } from '../retry.js';
import { jsonParam } from '../spaces/columns.js';
import { type Expected, expectTag, preconditionFailed, versionParams } from '../version.js';
import type { GetEpisode } from './get.js';
import {
  changeParams,
  type EpisodeChanges,
  episodeItem,
  episodeTag,
  isNamedEpisode,
  precheckCte,
  protectsEpisode,
  storedEpisodeTag,
  wantedFolder,
} from './item.js';

/** @returns the failure of an upsert with the name of a deleted episode */
function episodeDeleted(): Failure {
  return new Failure('episode_deleted', {});
}

/**
 * Creates an episode, or updates the given fields of the one with its name.
 *
 * @returns a function; with its argument `mustExist` it only updates. Needs the role `editor`; throws `Failure`
 *   `episode_deleted` if the episode with the name is deleted, `write_protected`, `precondition_failed`, and
 *   the failures of `executeIdempotent`
 */
export function upsertEpisode(
  { db }: Pick<RepositoryContext, 'db'>,
  { prepareKeyedWrite }: ContentOperations,
  get: GetEpisode,
) {
  // Checked with the snapshot, so that a rejected upsert creates no folder, and again when the row is written.
  const isWanted = sql`case when exists (select from ${episodes} where ${isNamedEpisode})
    then ${param('hasChanges')}::boolean and exists (
      select from ${episodes}
      where ${isNamedEpisode} and deleted_at is null and not write_protected and ${hasTag(storedEpisodeTag)})
    else not ${param('mustExist')}::boolean end`;
  const write = prepareKeyedWrite('episode_upsert', (allowed) => {
    // Before the episode is written, because Citus executes the expressions one after another.
    const unchanged = db.$with('unchanged', {}).as(sql`
      select id::text as ids, ${episodeTag()} as tag, ${episodeItem()} as item, false as inserted from ${episodes}
      where ${isNamedEpisode} and deleted_at is null and ${allowed} and not ${param('hasChanges')}::boolean
        and ${hasTag(storedEpisodeTag)}`);
    const tree = ensureFolders(db, wantedFolder, allowed, protectsEpisode);
    const folder = tree.idOf(sql`${param('folder')}::text`);
    const updated = db.$with('updated', {}).as(sql`
      update ${episodes} set
        description = case when ${param('setDescription')}::boolean then ${param('description')}
          else description end,
        tags = coalesce(${jsonParam('tags')}, tags),
        status = coalesce(${param('status')}::episode_status, status),
        write_protected = coalesce(${param('writeProtected')}::boolean, write_protected),
        folder_id = case when ${param('folder')}::text is null then folder_id else ${folder} end,
        metadata = case when ${param('setMetadata')}::boolean then ${jsonParam('metadata')} else metadata end,
        version = version + 1, updated_at = now()
      where ${isNamedEpisode} and ${param('hasChanges')}::boolean and deleted_at is null
        and not write_protected and ${allowed} and ${tree.isReady} and ${hasTag(storedEpisodeTag)}
      returning *`);
    const inserted = db.$with('inserted', {}).as(sql`
      insert into ${episodes} as made (namespace_id, space_id, id, name, description, tags, status,
        write_protected, folder_id, metadata, updated_at)
      select own.id, ${param('spaceId')}::uuid, source.id, ${param('episode')},
        ${param('description')}::text, coalesce(${jsonParam('tags')}, '[]'),
        coalesce(${param('status')}::episode_status, 'running'),
        coalesce(${param('writeProtected')}::boolean, false), ${folder}, ${jsonParam('metadata')},
        ${timeOfId('source.id')}
      ${fromOwnNamespace(
        sql`, (select ${param('id')}::uuid as id) as source`,
        sql`${allowed} and ${tree.isReady} and ${isWanted} and not exists (select from unchanged)
          and not exists (select from ${episodes} where ${isNamedEpisode})`,
      )}
      on conflict (namespace_id, space_id, name) do nothing
      returning made.*`);
    const written = db
      .$with('written', {})
      .as(sql`select * from updated union all select * from inserted`);
    const path = tree.pathOf(sql.raw('folder_id'));
    return {
      expressions: [
        unchanged,
        precheckCte(db, isWanted),
        ...tree.expressions,
        updated,
        inserted,
        written,
        countContents(
          db,
          sql`select 'episodes', count(*) filter (where id = ${param('id')}::uuid) from written
            having count(*) > 0 union all ${countRows('folders', 'made_folders', 1)}`,
        ),
      ],
      answer: sql`select id::text as ids, ${episodeTag(path)} as tag, ${episodeItem(path)} as item,
        id = ${param('id')}::uuid as inserted from written union all select * from unchanged`,
      isReady: tree.isReady,
      isWhole: tree.isUsed,
    };
  });

  return async (
    caller: ContentCaller,
    episode: string,
    changes: EpisodeChanges,
    expected: Expected,
    mustExist: boolean,
    key: IdempotencyKey | null,
  ): Promise<ContentResult<Written>> => {
    const hasChanges = Object.keys(changes).length > 0;
    const conditions = { ...versionParams(expected), mustExist, hasChanges };
    const values = { ...changeParams(changes), ...conditions, episode };
    return untilDone<ContentResult<Written>>(async () => {
      const outcome = await write(caller, { ...values, id: uuidv7() }, 'upsertEpisode', key);
      const result = settled(outcome);
      if (result !== undefined) return result;
      const value = outcome?.value;
      const found = await get(caller, episode);
      if (found?.value?.isDeleted) throw episodeDeleted();
      if (value && found?.value) return { ...found, value: { ...value, ...found.value } };
      if (found?.isSpace && !found.value && mustExist) throw preconditionFailed();
      if (found?.value && !hasChanges) {
        expectTag(found.value.tag, expected);
        return { ...found, value: { ...found.value, inserted: false, replayed: false } };
      }
      explainMiss(found, expected);
      return undefined;
    });
  };
}
