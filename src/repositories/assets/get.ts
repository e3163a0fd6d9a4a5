import { sql } from 'drizzle-orm';
import { assets } from '../../db/schema/assets.js';
import { episodes } from '../../db/schema/episodes.js';
import { inSpace } from '../contents/access.js';
import type { ContentCaller, ContentOperations } from '../contents/operations.js';
import { assetItem, assetTag, isAsset } from './item.js';

/** The condition that the episode of an asset is write-protected. */
const isProtected = sql`exists (
  select from ${episodes}
  where ${inSpace(episodes)} and ${episodes.id} = ${assets.episodeId} and ${episodes.writeProtected})`;

/** Prepares the statement that finds an active or deleted asset by its id. */
export function getAsset({ prepareRead, reading }: ContentOperations) {
  const read = prepareRead(
    'asset_find',
    sql`select id::text as ids, ${assetTag()} as tag, ${assetItem()} as item,
        deleted_at is not null as is_deleted, ${isProtected} as is_protected
      from ${assets} where ${isAsset} and ${reading.allowed}`,
  );
  return (caller: ContentCaller, assetId: string) => read(caller, { assetId });
}

export type GetAsset = ReturnType<typeof getAsset>;
