import { sql } from 'drizzle-orm';
import { folders } from '../../db/schema/folders.js';
import { param } from '../access/statement.js';
import { inSpace } from '../contents/access.js';
import { jsonObjectText, jsonString, jsonValue, versionMembers } from '../contents/item.js';
import { tagText } from '../version.js';

/** A folder as JSON text, for a row whose columns are in scope. */
export const folderItem = jsonObjectText({
  id: jsonString(sql.raw('id')),
  path: jsonString(sql.raw('path')),
  name: jsonString(sql.raw(`regexp_replace(path, '^.*/', '')`)),
  metadata: jsonValue(sql.raw('metadata')),
  ...versionMembers,
});

/**
 * The entity tag of a folder. It does not depend on other rows, because a move writes each folder it affects.
 */
export const folderTag = tagText(sql.raw('id'), sql.raw('version'));

/** The condition that selects the folder of the request. */
export const isFolder = sql`(${inSpace(folders)} and ${folders.id} = ${param('folderId')}::uuid)`;
