import type { AssetsRepository } from '../../repositories/assets/index.js';
import type { ResourceRoutes } from '../resource.js';
import { contentPrefixes } from '../spaces/nouns.js';
import { createAsset } from './create.js';
import { createAssets } from './create-batch.js';
import { deleteAsset } from './delete.js';
import { getAsset } from './get.js';
import { listAssets } from './list.js';
import { restoreAsset } from './restore.js';
import { assetSchemas } from './schema.js';
import { updateAsset } from './update.js';

/** The operations on assets. */
export const assetRoutes: ResourceRoutes<AssetsRepository> = {
  prefixes: contentPrefixes,
  schemas: assetSchemas,
  operations: [
    listAssets,
    createAsset,
    createAssets,
    getAsset,
    updateAsset,
    deleteAsset,
    restoreAsset,
  ],
};
