import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { EpisodesRepository } from '../../repositories/episodes/index.js';
import { addEpisodes } from '../episodes/index.js';
import { episodeSchemas } from '../episodes/schema.js';

/** The operations on what a space contains. Both nouns answer; the seed's is the one documented. */
export const contentsPlugin: FastifyPluginCallbackTypebox<{
  episodes: EpisodesRepository;
  /** what cursors are sealed with */
  cursorKey: () => Promise<Buffer>;
}> = (app, repositories, done) => {
  for (const schema of episodeSchemas) app.addSchema(schema);
  for (const noun of ['projects', 'spaces']) {
    const space = `/namespaces/:slug/${noun}/:projectSlug`;
    const routes = { ...repositories, space, hide: noun !== 'projects' };
    addEpisodes(app, routes);
  }
  done();
};
