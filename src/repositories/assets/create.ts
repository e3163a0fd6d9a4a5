import { Type } from '@sinclair/typebox';
import { type SQL, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../../db/client.js';
import { assetContainer, assets } from '../../db/schema/assets.js';
import { episodes } from '../../db/schema/episodes.js';
import { folders, pathDigest } from '../../db/schema/folders.js';
import { timeOfId } from '../../db/schema/spaces.js';
import { type AssetObstacle, Failure, isFailure } from '../../failure.js';
import { lastSegment, parentPath, ROOT } from '../../path.js';
import { fromOwnNamespace } from '../access/guard.js';
import { includesRole } from '../access/principal.js';
import { param } from '../access/statement.js';
import { inSpace } from '../contents/access.js';
import { countContents, countRows } from '../contents/counters.js';
import type { Written } from '../contents/item.js';
import {
  type ContentCaller,
  type ContentOperations,
  type ContentResult,
  withItem,
} from '../contents/operations.js';
import type { RepositoryContext } from '../context.js';
import { ensureFolders, hasPath } from '../folders/tree.js';
import type { IdempotencyKey } from '../idempotency.js';
import { untilDone } from '../retry.js';
import { newRevision } from '../revision.js';
import { jsonParam } from '../spaces/columns.js';
import { assetItem, assetTag, type NewAsset } from './item.js';

type Operation = 'createAsset' | 'createAssets';

type SentAsset = ReturnType<typeof sentAsset>;

/** The obstacles to the creation of a batch. */
const Obstacles = Type.Object({
  /** names of active episodes, and whether they are write-protected */
  episodes: Type.Array(Type.Tuple([Type.String(), Type.Boolean()])),
  /** positions of the assets whose paths other assets have */
  taken: Type.Array(Type.Integer()),
});

/** The assets of the request as rows. */
const sent = sql`jsonb_to_recordset(${jsonParam('assets')}) as sent (id uuid, "position" int, episode text,
  folder text, local_path text, kind text, uri text, content_type text, size_bytes bigint, checksum text,
  tags jsonb, metadata jsonb)`;

/**
 * Creates assets, all or none, and their missing folders.
 *
 * @returns a function for one asset and for several. Needs the role `editor`; throws `Failure`
 *   `assets_rejected`, and the failures of `executeIdempotent`
 */
export function createAssets(
  { db }: Pick<RepositoryContext, 'db'>,
  { prepareKeyedWrite, prepareQuery, reading }: ContentOperations,
) {
  const write = prepareKeyedWrite('asset_create', (allowed) => insertion(db, allowed));

  const container = sql`case
    when sent.episode is not null then (
      select ${episodes.id} from ${episodes} where ${inSpace(episodes)} and ${episodes.name} = sent.episode)
    when sent.folder <> ${sql.raw(`'${ROOT}'`)} then (
      select ${folders.id} from ${folders} where ${hasPath(sql`sent.folder`)})
    else '00000000-0000-0000-0000-000000000000'::uuid end`;
  const obstacles = prepareQuery(
    'asset_obstacles',
    sql`select jsonb_build_object(
        'episodes', (
          select coalesce(jsonb_agg(jsonb_build_array(name, write_protected)), '[]')
          from ${episodes}
          where ${inSpace(episodes)} and name = any(array(select episode from ${sent})) and deleted_at is null),
        'taken', (
          select coalesce(jsonb_agg("position"), '[]')
          from ${sent}
          where exists (
            select from ${assets}
            where ${inSpace(assets)} and deleted_at is null and ${assetContainer} = ${container}
              and ${pathDigest(assets.localPath)} = ${pathDigest(sql`sent.local_path`)}
              and ${assets.localPath} = sent.local_path))) as answer
      where ${reading.allowed}`,
    Obstacles,
  );

  /**
   * @throws `Failure` `assets_rejected` with all assets whose episode is missing or protected, or whose path is
   *   taken, in the order of the batch
   */
  async function rejectObstacles(
    operation: Operation,
    caller: ContentCaller,
    rows: SentAsset[],
    batch: NewAsset[],
  ): Promise<void> {
    const found = await obstacles(caller, { assets: rows });
    if (!found) return;
    const isProtected = new Map(found.episodes);
    const taken = new Set(found.taken);
    const rejected = batch.flatMap((asset, index): AssetObstacle[] => {
      const { episode } = asset;
      if (episode !== null && isProtected.get(episode) !== false) {
        const reason = isProtected.has(episode) ? 'write_protected' : 'episode_not_found';
        return [{ index, reason }];
      }
      const isTaken = taken.has(index) || isRepeated(batch, asset, index);
      return isTaken ? [{ index, reason: 'path_conflict' }] : [];
    });
    if (rejected.length === 0) return;
    const isBatch = operation === 'createAssets';
    throw new Failure('assets_rejected', { obstacles: rejected, isBatch });
  }

  return async (
    caller: ContentCaller,
    batch: NewAsset[],
    operation: Operation,
    key: IdempotencyKey | null,
  ): Promise<ContentResult<Written>> => {
    const rows = batch.map(sentAsset);
    return untilDone(async () => {
      try {
        const outcome = await write(caller, { assets: rows }, operation, key);
        if (!outcome?.isSpace || outcome.value || !includesRole(outcome.role, 'editor')) {
          return withItem(outcome);
        }
      } catch (error) {
        if (!isFailure(error, 'path_taken')) throw error;
      }
      // Without an obstacle, the path or the episode has become free in the meantime.
      await rejectObstacles(operation, caller, rows, batch);
      return undefined;
    });
  };
}

/** The expressions that create assets. @param allowed the condition that the caller may write */
function insertion(db: Database, allowed: SQL) {
  const isTaking = sql`${inSpace(episodes)} and deleted_at is null and not write_protected`;
  // Without a lock: folders are locked before episodes, as in all statements.
  const hasEpisodes = sql`not exists (
    select from ${sent} where episode is not null and not exists (
      select from ${episodes} where ${isTaking} and ${episodes.name} = sent.episode))`;
  const tree = ensureFolders(
    db,
    sql`select folder from ${sent} where episode is null and ${hasEpisodes}`,
    allowed,
  );
  // In the order of their names, so that two batches never deadlock.
  const lockedEpisodes = db.$with('locked_episodes', {}).as(sql`
    select id, name from ${episodes}
    where ${isTaking} and name = any(array(select episode from ${sent})) and ${allowed} and ${tree.isReady}
    order by name for no key update`);
  const isComplete = sql`not exists (
    select from ${sent} where episode is not null and episode not in (select name from locked_episodes))`;
  // A concurrent deletion of the episode that does not see its new assets is retried.
  const touched = db.$with('touched_episodes', {}).as(sql`
    update ${episodes} set assets_revision = ${newRevision}
    where ${inSpace(episodes)} and id = any(array(select id from locked_episodes)) and ${isComplete}`);
  const written = db.$with('written', {}).as(sql`
    insert into ${assets} as made (namespace_id, space_id, id, episode_id, folder_id, local_path, kind, uri,
      content_type, size_bytes, checksum, tags, metadata, updated_at)
    select own.id, ${param('spaceId')}::uuid, sent.id, locked.id, ${tree.idOf(sql`sent.folder`)}, sent.local_path, sent.kind,
      sent.uri, sent.content_type, sent.size_bytes, sent.checksum, sent.tags, sent.metadata,
      ${timeOfId('sent.id')}
    ${fromOwnNamespace(
      sql`cross join ${sent} left join locked_episodes as locked on locked.name = sent.episode`,
      sql`${allowed} and ${tree.isReady} and ${isComplete}`,
    )}
    order by sent.episode, sent.folder, sent.local_path
    returning made.*`);
  const path = tree.pathOf(sql.raw('folder_id'));
  return {
    expressions: [
      ...tree.expressions,
      lockedEpisodes,
      touched,
      written,
      countContents(
        db,
        sql`${countRows('assets', 'written', 1)} union all ${countRows('folders', 'made_folders', 1)}`,
      ),
    ],
    // The order of UUIDv7s is the order of their generation.
    answer: sql`select string_agg(id::text, ' ' order by id) as ids, min(${assetTag(path)}) as tag,
      string_agg(${assetItem(path)}, ',' order by id) as item, true as inserted
      from written having count(*) > 0`,
    isReady: tree.isReady,
    isWhole: tree.isUsed,
  };
}

/** @returns an asset as a row of `sent` */
function sentAsset(asset: NewAsset, position: number) {
  const { path, episode, contentType, sizeBytes, ...fields } = asset;
  const isInFolder = episode === null;
  return {
    ...fields,
    id: uuidv7(),
    position,
    episode,
    folder: isInFolder ? parentPath(path) : null,
    local_path: isInFolder ? `/${lastSegment(path)}` : path,
    content_type: contentType,
    size_bytes: sizeBytes,
  };
}

/** @returns whether another asset of the batch has the same path */
function isRepeated(batch: NewAsset[], { path, episode }: NewAsset, index: number): boolean {
  return batch.some(
    (other, place) => place !== index && other.path === path && other.episode === episode,
  );
}
