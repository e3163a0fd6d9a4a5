import { contentOperations } from '../contents/operations.js';
import type { RepositoryContext } from '../context.js';
import { createFolder } from './create.js';
import { deleteFolder } from './delete.js';
import { getFolder } from './get.js';
import { listFolders } from './list.js';
import { updateFolder } from './update.js';

/** Creates the repository of folders; its statements are prepared once per connection. */
export function foldersRepository(context: RepositoryContext) {
  const operations = contentOperations(context);
  const get = getFolder(operations);
  return {
    lists: listFolders(context),
    get,
    create: createFolder(context, operations),
    update: updateFolder(context, operations, get),
    delete: deleteFolder(context, operations, get),
  };
}

export type FoldersRepository = ReturnType<typeof foldersRepository>;
