import { itemOf, sendItemUnlessKnown } from '../contents/item.js';
import { callerOf, requireSpace } from '../contents/space.js';
import { NotModified, ReadConditions } from '../conventions/etag.js';
import { ref } from '../conventions/schemas.js';
import { PermanentRedirect } from '../errors/redirect.js';
import { type AddEpisodeRoute, episodeName, orNotFound } from './routes.js';
import { Episode, EpisodeParams } from './schema.js';

export const getEpisode: AddEpisodeRoute = (app, episodes) => {
  app.get(
    '/episodes/:name',
    {
      config: {
        scope: 'spaces:read',
        role: 'viewer',
        problems: ['space_not_found', 'episode_not_found'],
      },
      schema: {
        operationId: 'getEpisode',
        summary: 'Get an episode',
        tags: ['episodes'],
        params: EpisodeParams,
        headers: ReadConditions,
        response: { 200: itemOf(ref(Episode)), 304: NotModified, 308: PermanentRedirect },
      },
    },
    async (request, reply) => {
      const outcome = await episodes.get(callerOf(request), episodeName(request.params.name));
      return sendItemUnlessKnown(
        reply,
        request.headers,
        orNotFound(requireSpace(request, outcome)),
      );
    },
  );
};
