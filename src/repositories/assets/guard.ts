import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { assets } from '../../db/schema/assets.js';
import { episodes } from '../../db/schema/episodes.js';
import { inSpace } from '../contents/access.js';
import { isAsset } from './item.js';

/**
 * The common table expressions `target`, the asset to write, and `locked_episode`, its episode. While the lock
 * is held, the episode can be neither protected nor deleted.
 *
 * @param condition which the asset must meet to be written
 * @param strength `no key update` for a statement that writes the episode too
 * @returns `isFree` is the condition that the asset has no episode, or an active one without write protection
 */
export function targetAsset(db: Database, condition: SQL, strength: 'share' | 'no key update') {
  const target = db.$with('target', {}).as(sql`
    select id, episode_id, deleted_from from ${assets} where ${isAsset} and ${condition}`);
  const lockedEpisode = db.$with('locked_episode', {}).as(sql`
    select id from ${episodes}
    where ${inSpace(episodes)} and id = (select episode_id from target) and deleted_at is null
      and not write_protected
    for ${sql.raw(strength)}`);
  return {
    expressions: [target, lockedEpisode],
    isFree: sql`((select episode_id from target) is null or exists (select from locked_episode))`,
  };
}
