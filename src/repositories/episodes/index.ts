import { contentOperations } from '../contents/operations.js';
import { active } from '../contents/state.js';
import type { RepositoryContext } from '../context.js';
import { deleteEpisode } from './delete.js';
import { getEpisode } from './get.js';
import { listEpisodes } from './list.js';
import { restoreEpisode } from './restore.js';
import { updateEpisode } from './update.js';
import { upsertEpisode } from './upsert.js';

/** Creates the repository of episodes; its statements are prepared once per connection. */
export function episodesRepository(context: RepositoryContext) {
  const operations = contentOperations(context);
  const get = getEpisode(operations);
  return {
    lists: listEpisodes(context),
    get: async (...request: Parameters<typeof get>) => active(await get(...request)),
    upsert: upsertEpisode(context, operations, get),
    update: updateEpisode(context, operations, get),
    delete: deleteEpisode(context, operations, get),
    restore: restoreEpisode(context, operations, get),
  };
}

export type EpisodesRepository = ReturnType<typeof episodesRepository>;
