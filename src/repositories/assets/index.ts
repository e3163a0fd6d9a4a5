import { contentOperations } from '../contents/operations.js';
import { active } from '../contents/state.js';
import type { RepositoryContext } from '../context.js';
import { createAssets } from './create.js';
import { deleteAsset } from './delete.js';
import { findAsset } from './find.js';
import { listAssets } from './list.js';
import { restoreAsset } from './restore.js';
import { updateAsset } from './update.js';

/** Creates the repository of assets; its statements are prepared once per connection. */
export function assetsRepository(context: RepositoryContext) {
  const operations = contentOperations(context);
  const find = findAsset(operations);
  return {
    lists: listAssets(context),
    get: async (...request: Parameters<typeof find>) => active(await find(...request)),
    create: createAssets(context, operations),
    update: updateAsset(context, operations, find),
    delete: deleteAsset(context, operations, find),
    restore: restoreAsset(context, operations, find),
  };
}

export type AssetsRepository = ReturnType<typeof assetsRepository>;
