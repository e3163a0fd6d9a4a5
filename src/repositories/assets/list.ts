import { type SQL, sql } from 'drizzle-orm';
import { assets, fileNameOrder, indexedKind, searchedAsset } from '../../db/schema/assets.js';
import { episodes, searchedSpace } from '../../db/schema/episodes.js';
import { folders, pathPrefix } from '../../db/schema/folders.js';
import { lastSegment, parentPath, ROOT } from '../../path.js';
import { param } from '../access/statement.js';
import { inSpace } from '../contents/access.js';
import { contentTotal } from '../contents/counters.js';
import { contentLists, usualOrders } from '../contents/lists.js';
import type { RepositoryContext } from '../context.js';
import { hasPath, isBelow } from '../folders/tree.js';
import { commonConditions, type CommonFilters } from '../lists/filters.js';
import { datedItem } from '../lists/item-json.js';
import type { Selection, State } from '../lists/selection.js';
import { assetItem } from './item.js';

export const assetSortFields = ['createdAt', 'updatedAt', 'name'] as const;

type Sort = (typeof assetSortFields)[number];

/** The filters of a list of assets. */
export interface AssetFilters extends CommonFilters {
  /** the name of an episode; null for all */
  episode: string | null;
  /** a path that they are at or below; null for all */
  prefix: string | null;
  /** any of them */
  kinds: string[];
  checksum: string | null;
}

/** @returns the selection of a list, for `listAssets` */
export function selectAssets(
  { episode, prefix, kinds, checksum, ...common }: AssetFilters,
  order: { state: State; sort: Sort; descending: boolean },
): Selection<Sort> {
  const { conditions, values, add } = commonConditions(common, searchedAsset);
  if (episode !== null) {
    const ids = sql`select ${episodes.id} from ${episodes}
      where ${inSpace(episodes)} and ${episodes.name} = ${param('episode')}`;
    add('episode', episode, 'episode', sql`episode_id = any(array(${ids}))`);
  }
  if (checksum !== null) {
    add('checksum', checksum, 'checksum', sql`checksum = ${param('checksum')}`);
  }
  if (prefix !== null && prefix !== ROOT) {
    const by = order.state === 'active' ? 'prefix' : null;
    const isWithin = order.state === 'active' ? startsWith() : startedWith();
    add('prefix', prefix, by, isWithin);
    values['prefixParent'] = parentPath(prefix);
    values['prefixName'] = `/${lastSegment(prefix)}`;
  }
  if (kinds.length > 0) {
    const any = sql`any(string_to_array(${param('kinds')}, ' '))`;
    add('kinds', kinds.join(' '), 'kind', sql`${indexedKind} = ${any}`);
  }
  return { ...order, conditions, values };
}

const prefixPath = sql`${param('prefix')}::text`;

/** The condition for assets of episodes: the path is the prefix or below it; `0` is the character after `/`. */
const beginsInEpisode = sql`(${pathPrefix(sql`local_path`)} >= ${pathPrefix(prefixPath)}
  and ${pathPrefix(sql`local_path`)} <= ${pathPrefix(sql`(${prefixPath} || '0')`)}
  and episode_id is not null and (local_path = ${prefixPath}
    or local_path > ${prefixPath} || '/' and local_path < ${prefixPath} || '0'))`;

/** The condition that the path of an active asset is the prefix or below it. */
function startsWith(): SQL {
  const ids = sql`any(array(
    select ${folders.id} from ${folders} where ${hasPath(prefixPath)} or ${isBelow(prefixPath)}))`;
  const parentId = sql`(select ${folders.id} from ${folders} where ${hasPath(sql`${param('prefixParent')}::text`)})`;
  const isItself = sql`(local_path = ${param('prefixName')}
    and ${pathPrefix(sql`local_path`)} = ${pathPrefix(sql`${param('prefixName')}::text`)}
    and episode_id is null and case when ${param('prefixParent')}::text = ${sql.raw(`'${ROOT}'`)}
      then folder_id is null else folder_id = ${parentId} end)`;
  return sql`(folder_id = ${ids} or ${beginsInEpisode} or ${isItself})`;
}

/** As `startsWith`, for lists with deleted assets, which store the path of their former folder. */
function startedWith(): SQL {
  const folder = sql`coalesce(deleted_from, (
    select ${folders.path} from ${folders} where ${inSpace(folders)} and ${folders.id} = folder_id), '')`;
  return sql`(${beginsInEpisode} or episode_id is null
    and starts_with(${folder} || local_path || '/', ${prefixPath} || '/'))`;
}

/** Creates the lists of assets. */
export function listAssets(context: RepositoryContext) {
  const item = assetItem();
  return contentLists<Sort>(
    context,
    {
      name: 'asset',
      table: assets,
      deletedAt: assets.deletedAt,
      inContainer: inSpace(assets),
      counted: contentTotal(context.db, 'assets'),
      accessPaths: ['checksum', 'episode', 'prefix', 'search', 'kind', 'createdAt', 'updatedAt'],
      orders: {
        ...usualOrders,
        name: { key: fileNameOrder, type: sql`text`, text: (key) => key },
      },
      item: { active: item, deleted: datedItem(item), all: datedItem(item) },
    },
    sql`${searchedSpace} = ${param('spaceId')}::text`,
  );
}
