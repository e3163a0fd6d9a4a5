import { itemOf, sendItem } from '../contents/item.js';
import { callerOf, requireSpace } from '../contents/space.js';
import { expectedVersions } from '../conventions/etag.js';
import {
  idempotencyKey,
  markReplayed,
  replayedHeader,
  RestoreHeaders,
} from '../conventions/idempotency-key.js';
import { ref, RestoreAsIs } from '../conventions/schemas.js';
import { type AddEpisodeRoute, episodeName, orNotFound } from './routes.js';
import { Episode, EpisodeParams } from './schema.js';

export const restoreEpisode: AddEpisodeRoute = (app, episodes) => {
  app.post(
    '/episodes/:name/restore',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: ['space_not_found', 'episode_not_found'],
      },
      schema: {
        operationId: 'restoreEpisode',
        summary: 'Restore a deleted episode',
        description:
          'Restores the episode, and the assets that were deleted with it, into its former folder, which is created if it is missing. An episode that is not deleted is returned unchanged.',
        tags: ['episodes'],
        params: EpisodeParams,
        headers: RestoreHeaders,
        body: ref(RestoreAsIs),
        response: { 200: itemOf(ref(Episode), replayedHeader) },
      },
    },
    async (request, reply) => {
      const { headers, params } = request;
      const outcome = await episodes.restore(
        callerOf(request),
        episodeName(params.name),
        expectedVersions(headers),
        idempotencyKey(headers['idempotency-key'], null),
      );
      const episode = orNotFound(requireSpace(request, outcome));
      markReplayed(reply, episode);
      return sendItem(reply, episode);
    },
  );
};
