import type { FoldersRepository } from '../../repositories/folders/index.js';
import type { ResourceRoutes } from '../resource.js';
import { contentPrefixes } from '../spaces/nouns.js';
import { createFolder } from './create.js';
import { deleteFolder } from './delete.js';
import { getFolder } from './get.js';
import { listFolders } from './list.js';
import { folderSchemas } from './schema.js';
import { updateFolder } from './update.js';

/** The operations on folders. */
export const folderRoutes: ResourceRoutes<FoldersRepository> = {
  prefixes: contentPrefixes,
  schemas: folderSchemas,
  operations: [listFolders, createFolder, getFolder, updateFolder, deleteFolder],
};
