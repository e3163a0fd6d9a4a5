import { contentOperations } from '../contents/operations.js';
import { active } from '../contents/state.js';
import type { RepositoryContext } from '../context.js';
import { deleteEpisode } from './delete.js';
import { findEpisode } from './find.js';
import { listEpisodes } from './list.js';
import { restoreEpisode } from './restore.js';
import { updateEpisode } from './update.js';
import { upsertEpisode } from './upsert.js';

/** Creates the repository of episodes; its statements are prepared once per connection. */
export function episodesRepository(context: RepositoryContext) {
  const operations = contentOperations(context);
  const find = findEpisode(operations);
  return {
    lists: listEpisodes(context),
    get: async (...request: Parameters<typeof find>) => active(await find(...request)),
    upsert: upsertEpisode(context, operations, find),
    update: updateEpisode(context, operations, find),
    delete: deleteEpisode(context, operations, find),
    restore: restoreEpisode(context, operations, find),
  };
}

export type EpisodesRepository = ReturnType<typeof episodesRepository>;
