import type { EpisodesRepository } from '../../repositories/episodes/index.js';
import type { ResourceRoutes } from '../resource.js';
import { contentPrefixes } from '../spaces/nouns.js';
import { deleteEpisode } from './delete.js';
import { getEpisode } from './get.js';
import { listEpisodes } from './list.js';
import { restoreEpisode } from './restore.js';
import { episodeSchemas } from './schema.js';
import { updateEpisode } from './update.js';
import { upsertEpisode } from './upsert.js';

/** The operations on episodes. */
export const episodeRoutes: ResourceRoutes<EpisodesRepository> = {
  prefixes: contentPrefixes,
  schemas: episodeSchemas,
  operations: [
    listEpisodes,
    upsertEpisode,
    getEpisode,
    updateEpisode,
    deleteEpisode,
    restoreEpisode,
  ],
};
