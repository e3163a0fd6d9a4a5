import { contentOperations } from '../contents/operations.js';
import { active } from '../contents/state.js';
import type { RepositoryContext } from '../context.js';
import { createAssets } from './create.js';
import { deleteAsset } from './delete.js';
import { getAsset } from './get.js';
import { listAssets } from './list.js';
import { restoreAsset } from './restore.js';
import { updateAsset } from './update.js';

/** Creates the repository of assets; its statements are prepared once per connection. */
export function assetsRepository(context: RepositoryContext) {
  const operations = contentOperations(context);
  const get = getAsset(operations);
  return {
    lists: listAssets(context),
    get: async (...request: Parameters<typeof get>) => active(await get(...request)),
    create: createAssets(context, operations),
    update: updateAsset(context, operations, get),
    delete: deleteAsset(context, operations, get),
    restore: restoreAsset(context, operations, get),
  };
}

export type AssetsRepository = ReturnType<typeof assetsRepository>;
