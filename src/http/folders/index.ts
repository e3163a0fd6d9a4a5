import { createFolder } from './create.js';
import { deleteFolder } from './delete.js';
import { getFolder } from './get.js';
import { listFolders } from './list.js';
import type { AddFolderRoute } from './routes.js';
import { updateFolder } from './update.js';

/** Adds the operations on folders. */
export const addFolders: AddFolderRoute = (app, routes) => {
  for (const add of [listFolders, createFolder, getFolder, updateFolder, deleteFolder]) {
    add(app, routes);
  }
};
