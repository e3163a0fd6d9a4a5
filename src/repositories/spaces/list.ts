import { sql } from 'drizzle-orm';
import {
  nameOrder,
  searchedNamespace,
  searchedText,
  slugOrder,
  spaces,
} from '../../db/schema/spaces.js';
import { accessCte, activeNamespaceByIdAndSlug, hasRole } from '../access/guard.js';
import type { AccessResult, Principal } from '../access/principal.js';
import { param } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import { commonConditions, type CommonFilters } from '../lists/filters.js';
import { type CursorRequest, type ListPart, listsOf, routedLists } from '../lists/index.js';
import { datedItem, timeText } from '../lists/item-json.js';
import type { ListedTable } from '../lists/listed-table.js';
import type { Page } from '../lists/numbered-pages.js';
import type { CachedPage } from '../lists/page-cache.js';
import type { Selection, State } from '../lists/selection.js';
import { inNamespace } from './conditions.js';
import { spaceTotal } from './counters.js';

export const sortFields = ['createdAt', 'updatedAt', 'name', 'slug'] as const;

type Sort = (typeof sortFields)[number];

/** The filters of a list of spaces. */
export interface SpaceFilters extends CommonFilters {
  /** any of them */
  slugs: string[];
}

export type SpaceListOptions = Selection<Sort>;

export interface SpacePage extends ListPart {
  namespaceId: string;
}

/** @returns the selection of a list, for `listSpaces` */
export function selectSpaces(
  filters: SpaceFilters,
  order: { state: State; sort: Sort; descending: boolean },
): SpaceListOptions {
  const { conditions, values, add } = commonConditions(filters, searchedText);
  if (filters.slugs.length > 0) {
    // No slug contains a blank.
    const any = sql`any(string_to_array(${param('slugs')}, ' '))`;
    add('slugs', filters.slugs.join(' '), 'slug', sql`${slugOrder} = ${any}`);
  }
  return { ...order, conditions, values };
}

/** Creates the lists of spaces. */
export function listSpaces({ db, searchDb, resolveNamespace, pages }: RepositoryContext) {
  const item = sql`item`;
  const listed: ListedTable<Sort> = {
    name: 'space',
    table: spaces,
    deletedAt: spaces.deletedAt,
    inContainer: inNamespace,
    access: [accessCte(db, activeNamespaceByIdAndSlug)],
    spaceId: sql`null::uuid`,
    mayRead: hasRole('viewer'),
    counted: spaceTotal(db),
    inSearch: sql`${searchedNamespace} = ${param('namespaceId')}::text`,
    accessPaths: ['slug', 'search', 'createdAt', 'updatedAt'],
    orders: {
      createdAt: { key: sql`id`, type: sql`uuid`, text: (key) => sql`${key}::text` },
      updatedAt: { key: sql`updated_at`, type: sql`timestamptz`, text: timeText },
      name: { key: nameOrder, type: sql`text`, text: (key) => key },
      slug: { key: slugOrder, type: sql`text`, text: (key) => key },
    },
    item: { active: item, deleted: datedItem(item), all: datedItem(item) },
  };
  const listsFor = routedLists(listsOf(db, listed, pages), listsOf(searchDb, listed, pages));

  return {
    /** A numbered page; see `listsOf`. */
    async page(
      principal: Principal,
      namespaceSlug: string,
      selection: SpaceListOptions,
      part: Page,
      render: (items: string, total: number) => Buffer,
    ): Promise<AccessResult<CachedPage>> {
      const found = await listsFor(selection, part.offset).page(
        (read) => resolveNamespace(principal, namespaceSlug, read),
        selection,
        part,
        render,
      );
      return found && { role: found.result.role, value: found.page };
    },

    /** A cursor page; see `listsOf`. */
    async cursorPage(
      principal: Principal,
      namespaceSlug: string,
      selection: SpaceListOptions,
      position: CursorRequest,
    ): Promise<AccessResult<SpacePage>> {
      const found = await listsFor(selection, 0).cursorPage(
        (read) => resolveNamespace(principal, namespaceSlug, read),
        selection,
        position,
      );
      if (!found) return null;
      const { role, namespaceId } = found.result;
      return { role, value: { namespaceId, ...found.part } };
    },
  };
}
