import type { RepositoryContext } from '../context.js';
import { createSpace } from './create.js';
import { createSpaces } from './create-batch.js';
import { deleteSpace } from './delete.js';
import { ensureSpace } from './ensure.js';
import { eraseSpace } from './erase.js';
import { formerSlugs } from './former-slugs.js';
import { getSpace } from './get.js';
import { listSpaces } from './list.js';
import { restoreSpace } from './restore.js';
import { updateSpace } from './update.js';

/** Creates the repository of spaces; its statements are prepared once per connection. */
export function spacesRepository(context: RepositoryContext) {
  const get = getSpace(context);
  return {
    ...listSpaces(context),
    get,
    create: createSpace(context),
    createBatch: createSpaces(context),
    ensure: ensureSpace(context),
    update: updateSpace(context, get),
    delete: deleteSpace(context, get),
    ...eraseSpace(context),
    restore: restoreSpace(context),
    ...formerSlugs(context),
  };
}

export type SpacesRepository = ReturnType<typeof spacesRepository>;
