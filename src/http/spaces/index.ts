import type { SpacesRepository } from '../../repositories/spaces/index.js';
import type { ResourceRoutes } from '../resource.js';
import { createSpace } from './create.js';
import { createSpaces } from './create-batch.js';
import { deleteSpace } from './delete.js';
import { ensureSpace } from './ensure.js';
import { getSpaceErasure } from './erasure.js';
import { getSpace } from './get.js';
import { listSpaces } from './list.js';
import { spacePrefixes } from './nouns.js';
import { restoreSpace } from './restore.js';
import { spaceSchemas } from './schema.js';
import { updateSpace } from './update.js';

/** The operations on spaces. */
export const spaceRoutes: ResourceRoutes<SpacesRepository> = {
  prefixes: spacePrefixes,
  schemas: spaceSchemas,
  operations: [
    listSpaces,
    createSpace,
    createSpaces,
    getSpace,
    ensureSpace,
    updateSpace,
    deleteSpace,
    getSpaceErasure,
    restoreSpace,
  ],
};
