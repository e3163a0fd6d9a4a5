import { sql } from 'drizzle-orm';
import { folders } from '../../db/schema/folders.js';
import type { ContentCaller, ContentOperations } from '../contents/operations.js';
import { folderItem, folderTag, isFolder } from './item.js';

/** Prepares the statement that finds a folder by its id. */
export function getFolder({ prepareRead, reading }: ContentOperations) {
  const read = prepareRead(
    'folder_find',
    sql`select id::text as ids, ${folderTag} as tag, ${folderItem} as item,
        false as is_deleted, false as is_protected
      from ${folders} where ${isFolder} and ${reading.allowed}`,
  );
  return (caller: ContentCaller, folderId: string) => read(caller, { folderId });
}

export type GetFolder = ReturnType<typeof getFolder>;
