import { deleteEpisode } from './delete.js';
import { getEpisode } from './get.js';
import { listEpisodes } from './list.js';
import { restoreEpisode } from './restore.js';
import type { AddEpisodeRoute } from './routes.js';
import { updateEpisode } from './update.js';
import { upsertEpisode } from './upsert.js';

/** Adds the operations on episodes. */
export const addEpisodes: AddEpisodeRoute = (app, routes) => {
  for (const add of [
    listEpisodes,
    upsertEpisode,
    getEpisode,
    updateEpisode,
    deleteEpisode,
    restoreEpisode,
  ]) {
    add(app, routes);
  }
};
