import type { RepositoryContext } from '../context.js';
import { createNamespace } from './create.js';
import { deleteNamespace } from './delete.js';
import { eraseNamespace } from './erase.js';
import { getNamespace } from './get.js';
import { listNamespaces } from './list.js';
import { restoreNamespace } from './restore.js';
import { updateNamespace } from './update.js';

/** Creates the repository of namespaces; its statements are prepared once per connection. */
export function namespacesRepository(context: RepositoryContext) {
  const get = getNamespace(context);
  return {
    ...listNamespaces(context),
    get,
    create: createNamespace(context),
    update: updateNamespace(context, get),
    delete: deleteNamespace(context, get),
    ...eraseNamespace(context),
    restore: restoreNamespace(context),
  };
}

export type NamespacesRepository = ReturnType<typeof namespacesRepository>;
