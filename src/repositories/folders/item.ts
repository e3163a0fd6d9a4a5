import { sql } from 'drizzle-orm';
import { folders } from '../../db/schema/folders.js';
import { param } from '../access/statement.js';
import { inSpace } from '../contents/access.js';
import { jsonObjectText, jsonString, jsonValue, versionMembers } from '../contents/item.js';
import { tagText } from '../version.js';

/** A folder as JSON text, of a row whose columns are in scope. */
export const folderItem = jsonObjectText({
  id: jsonString(sql.raw('id')),
  path: jsonString(sql.raw('path')),
  name: jsonString(sql.raw(`regexp_replace(path, '^.*/', '')`)),
  metadata: jsonValue(sql.raw('metadata')),
  ...versionMembers,
});

/** The entity tag of a folder: a move of it writes its row. */
export const folderTag = tagText(sql.raw('id'), sql.raw('version'));

/** The condition of the folder that a request is about. */
export const isFolder = sql`(${inSpace(folders)} and ${folders.id} = ${param('folderId')}::uuid)`;
