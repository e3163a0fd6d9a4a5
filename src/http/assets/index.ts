import { createAssets } from './create-batch.js';
import { createAsset } from './create.js';
import { deleteAsset } from './delete.js';
import { getAsset } from './get.js';
import { listAssets } from './list.js';
import { restoreAsset } from './restore.js';
import type { AddAssetRoute } from './routes.js';
import { updateAsset } from './update.js';

/** Adds the operations on assets. */
export const addAssets: AddAssetRoute = (app, routes) => {
  for (const add of [
    listAssets,
    createAsset,
    createAssets,
    getAsset,
    updateAsset,
    deleteAsset,
    restoreAsset,
  ]) {
    add(app, routes);
  }
};
