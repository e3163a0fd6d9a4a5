import { sql } from 'drizzle-orm';
import {
  episodes,
  indexedStatus,
  searchedEpisode,
  searchedSpace,
} from '../../db/schema/episodes.js';
import { nameOrder } from '../../db/schema/spaces.js';
import { param } from '../access/statement.js';
import { inSpace } from '../contents/access.js';
import { contentTotal } from '../contents/counters.js';
import { contentLists, usualOrders } from '../contents/lists.js';
import type { RepositoryContext } from '../context.js';
import { foldersWithin } from '../folders/tree.js';
import { commonConditions, type CommonFilters } from '../lists/filters.js';
import { datedItem } from '../lists/item-json.js';
import type { Selection, State } from '../lists/selection.js';
import { episodeItem, type EpisodeStatus } from './item.js';

export const episodeSortFields = ['createdAt', 'updatedAt', 'name'] as const;

type Sort = (typeof episodeSortFields)[number];

/** The filters of a list of episodes. */
export interface EpisodeFilters extends CommonFilters {
  /** any of them */
  statuses: EpisodeStatus[];
  /** the path of a folder; null for all */
  folder: string | null;
  /** whether episodes in folders below it are included */
  recursive: boolean;
}

/** @returns the selection of a list, for `listEpisodes` */
export function selectEpisodes(
  { statuses, folder, recursive, ...common }: EpisodeFilters,
  order: { state: State; sort: Sort; descending: boolean },
): Selection<Sort> {
  const { conditions, values, add } = commonConditions(common, searchedEpisode);
  if (statuses.length > 0) {
    const any = sql`any(string_to_array(${param('statuses')}, ' ')::episode_status[])`;
    add('statuses', statuses.join(' '), 'status', sql`${indexedStatus} = ${any}`);
  }
  if (folder !== null) {
    foldersWithin(add, { folder, recursive, isActive: order.state === 'active' });
  }
  return { ...order, conditions, values };
}

/** Creates the lists of episodes. */
export function listEpisodes(context: RepositoryContext) {
  const item = episodeItem();
  return contentLists<Sort>(
    context,
    {
      name: 'episode',
      table: episodes,
      deletedAt: episodes.deletedAt,
      inContainer: inSpace(episodes),
      counted: contentTotal(context.db, 'episodes'),
      accessPaths: ['folder', 'search', 'status', 'createdAt', 'updatedAt'],
      orders: {
        ...usualOrders,
        name: { key: nameOrder, type: sql`text`, text: (key) => key },
      },
      item: { active: item, deleted: datedItem(item), all: datedItem(item) },
    },
    sql`${searchedSpace} = ${param('spaceId')}::text`,
  );
}
