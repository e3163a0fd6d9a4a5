import type { NamespacesRepository } from '../../repositories/namespaces/index.js';
import type { ResourceRoutes } from '../resource.js';
import { createNamespace } from './create.js';
import { deleteNamespace } from './delete.js';
import { getNamespaceErasure } from './erasure.js';
import { getNamespace } from './get.js';
import { listNamespaces } from './list.js';
import { restoreNamespace } from './restore.js';
import { namespaceSchemas } from './schema.js';
import { updateNamespace } from './update.js';

/** The operations on namespaces. */
export const namespaceRoutes: ResourceRoutes<NamespacesRepository> = {
  prefixes: [''],
  schemas: namespaceSchemas,
  operations: [
    listNamespaces,
    createNamespace,
    getNamespace,
    updateNamespace,
    deleteNamespace,
    getNamespaceErasure,
    restoreNamespace,
  ],
};
