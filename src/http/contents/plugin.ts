import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { AssetsRepository } from '../../repositories/assets/index.js';
import type { EpisodesRepository } from '../../repositories/episodes/index.js';
import type { FoldersRepository } from '../../repositories/folders/index.js';
import { addAssets } from '../assets/index.js';
import { assetSchemas } from '../assets/schema.js';
import { addEpisodes } from '../episodes/index.js';
import { episodeSchemas } from '../episodes/schema.js';
import { addFolders } from '../folders/index.js';
import { folderSchemas } from '../folders/schema.js';
import { RestoreAsIs } from '../conventions/schemas.js';

/** The operations on what a space contains. Both nouns answer; the seed's is the one documented. */
export const contentsPlugin: FastifyPluginCallbackTypebox<{
  folders: FoldersRepository;
  episodes: EpisodesRepository;
  assets: AssetsRepository;
  /** what cursors are sealed with */
  cursorKey: () => Promise<Buffer>;
}> = (app, repositories, done) => {
  for (const schema of [RestoreAsIs, ...folderSchemas, ...episodeSchemas, ...assetSchemas])
    app.addSchema(schema);
  for (const noun of ['projects', 'spaces']) {
    const space = `/namespaces/:slug/${noun}/:projectSlug`;
    const routes = { ...repositories, space, hide: noun !== 'projects' };
    addFolders(app, routes);
    addEpisodes(app, routes);
    addAssets(app, routes);
  }
  done();
};
