import { type SQL, sql } from 'drizzle-orm';
import { episodes } from '../../db/schema/episodes.js';
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

/**
 * Updates the given fields of an episode.
 *
 * @returns a function. Needs the role `editor`; throws `Failure` `name_taken`,
 *   `write_protected` or `precondition_failed`
 */
export function updateEpisode(
  { db }: Pick<RepositoryContext, 'db'>,
  { prepareWrite }: ContentOperations,
  get: GetEpisode,
) {
  // Checked with the snapshot, so that a rejected write creates no folder, and again when the row is written.
  const isWanted = sql`exists (
    select from ${episodes}
    where ${isNamedEpisode} and deleted_at is null and not write_protected and ${hasTag(storedEpisodeTag)})`;
  const effect = (allowed: SQL, moves: boolean) => {
    const tree = moves ? ensureFolders(db, wantedFolder, allowed, protectsEpisode) : folderStays;
    // A new name changes the lists of assets, which show it.
    const counted = sql`${countRows('episodes', 'written', 0)}
      union all select 'assets', 0 from written where ${param('name')}::text is not null`;
    const written = db.$with('written', {}).as(sql`
      update ${episodes} set
        name = coalesce(${param('name')}, name),
        description = case when ${param('setDescription')}::boolean then ${param('description')}
          else description end,
        tags = coalesce(${jsonParam('tags')}, tags),
        status = coalesce(${param('status')}::episode_status, status),
        write_protected = coalesce(${param('writeProtected')}::boolean, write_protected),
        folder_id = case when ${param('folder')}::text is null then folder_id
          else ${tree.idOf(sql`${param('folder')}::text`)} end,
        metadata = case when ${param('setMetadata')}::boolean then ${jsonParam('metadata')} else metadata end,
        version = version + 1, updated_at = now()
      where ${isNamedEpisode} and deleted_at is null and not write_protected and ${allowed}
        and ${tree.isReady} and ${hasTag(storedEpisodeTag)}
      returning *`);
    const path = tree.pathOf(sql.raw('folder_id'));
    return {
      expressions: [
        ...(moves ? [precheckCte(db, isWanted)] : []),
        ...tree.expressions,
        written,
        countContents(
          db,
          moves ? sql`${counted} union all ${countRows('folders', 'made_folders', 1)}` : counted,
        ),
      ],
      answer: sql`select id::text as ids, ${episodeTag(path)} as tag, ${episodeItem(path)} as item,
        false as inserted from written`,
      isReady: tree.isReady,
      isWhole: tree.isUsed,
    };
  };
  const writeInPlace = prepareWrite('episode_update', (allowed) => effect(allowed, false));
  const move = prepareWrite('episode_move', (allowed) => effect(allowed, true));

  const writeOnce = (
    caller: ContentCaller,
    episode: string,
    changes: EpisodeChanges,
    expected: Expected,
  ) => {
    const values = { ...versionParams(expected), ...changeParams(changes), episode };
    const write =
      changes.folder === undefined && changes.writeProtected !== true ? writeInPlace : move;
    return writeOrExplain(
      {
        write: () => write(caller, values),
        read: (isWritten) =>
          get(caller, isWritten && changes.name !== undefined ? changes.name : episode),
      },
      expected,
    );
  };

  return (
    caller: ContentCaller,
    episode: string,
    changes: EpisodeChanges,
    expected: Expected,
    merge: MergeMetadata | null,
  ) => {
    const resource = {
      needed: 'editor' as const,
      stateOf: itemState,
      read: async () => active(await get(caller, episode)),
      write: (given: EpisodeChanges, version: Expected) =>
        writeOnce(caller, episode, given, version),
    };
    return updateFields(resource, changes, expected, merge);
  };
}
