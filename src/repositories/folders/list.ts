import { and, type SQL, sql } from 'drizzle-orm';
import { folders, pathPrefix, siblingPrefix } from '../../db/schema/folders.js';
import { ROOT } from '../../path.js';
import { param } from '../access/statement.js';
import { inSpace } from '../contents/access.js';
import { contentTotal } from '../contents/counters.js';
import { contentLists } from '../contents/lists.js';
import type { ContentCaller } from '../contents/operations.js';
import type { RepositoryContext } from '../context.js';
import type { CursorRequest } from '../lists/index.js';
import type { Page } from '../lists/numbered-pages.js';
import type { Selection } from '../lists/selection.js';
import { folderItem } from './item.js';
import { isBelow, isChildOf } from './tree.js';

/** The filters of a list of folders. */
export interface FolderFilters {
  /** the path of a folder, or the root */
  parent: string;
  /** whether to include all folders below, not only direct children */
  recursive: boolean;
  /** a substring of the name, ignoring case; null for all */
  text: string | null;
}

type FolderSelection = Selection<'path'>;

/** @returns the selection of a list, for `listFolders` */
export function selectFolders({ parent, recursive, text }: FolderFilters): FolderSelection {
  const pattern = text === null ? null : `%${text.replace(/[\\%_]/g, '\\$&')}%`;
  const name = sql`regexp_replace(${folders.path}, '^.*/', '') collate "default"`;
  return {
    state: 'active',
    sort: 'path',
    descending: false,
    values: { parent, recursive, ...(pattern !== null && { text: pattern }) },
    conditions:
      pattern === null
        ? []
        : [{ name: 'text', sql: sql`${name} ilike ${param('text')}`, by: null }],
  };
}

/**
 * Creates the lists of folders. Those of a parent other than the root are a range of an index, which is
 * counted.
 */
export function listFolders(context: RepositoryContext) {
  const { db } = context;
  const parent = sql`${param('parent')}::text`;
  const listsOf = (name: string, which: SQL | undefined, key = pathPrefix(folders.path)) => {
    const within = and(inSpace(folders), which);
    const total = sql<number>`(select count(*)::int from ${folders} where ${within})`;
    return contentLists<'path'>(context, {
      name,
      table: folders,
      deletedAt: null,
      inContainer: within,
      counted: which ? contentTotal(db, 'folders', total) : contentTotal(db, 'folders'),
      accessPaths: [],
      orders: { path: { key, type: sql`text`, text: (value) => value } },
      item: { active: folderItem, deleted: folderItem, all: folderItem },
    });
  };
  const all = listsOf('folder_all', undefined);
  const below = listsOf('folder_below', isBelow(parent));
  const children = listsOf('folder_children', isChildOf(parent), siblingPrefix(folders.path));
  const listsFor = ({ values }: FolderSelection) => {
    if (!values['recursive']) return children;
    return values['parent'] === ROOT ? all : below;
  };

  return {
    page: (
      caller: ContentCaller,
      selection: FolderSelection,
      part: Page,
      render: (items: string, total: number) => Buffer,
    ) => listsFor(selection).page(caller, selection, part, render),
    cursorPage: (caller: ContentCaller, selection: FolderSelection, position: CursorRequest) =>
      listsFor(selection).cursorPage(caller, selection, position),
  };
}
