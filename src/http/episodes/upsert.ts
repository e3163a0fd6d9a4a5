import { itemOf, sendItem } from '../contents/item.js';
import { callerOf, ContentParams, requireSpace, spacePath } from '../contents/space.js';
import { expectedVersions } from '../conventions/etag.js';
import {
  idempotencyKey,
  locationHeader,
  markReplayed,
  replayedHeader,
  RestoreHeaders,
} from '../conventions/idempotency-key.js';
import { ref } from '../conventions/schemas.js';
import { type AddEpisodeRoute, episodePath, orNotFound } from './routes.js';
import { Episode, EpisodeUpsert } from './schema.js';

export const upsertEpisode: AddEpisodeRoute = (app, episodes) => {
  app.post(
    '/episodes',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: ['write_protected', 'space_not_found', 'episode_not_found', 'episode_deleted'],
      },
      schema: {
        operationId: 'upsertEpisode',
        summary: 'Create an episode, or update the one with this name',
        description:
          '201 if it created the episode, 200 if it updated the given fields of the existing one. With `If-None-Match: *` it only creates. The name of a deleted episode is 410.',
        tags: ['episodes'],
        params: ContentParams({}),
        headers: RestoreHeaders,
        body: ref(EpisodeUpsert),
        response: {
          200: itemOf(ref(Episode), replayedHeader),
          201: itemOf(ref(Episode), { ...locationHeader, ...replayedHeader }),
        },
      },
    },
    async (request, reply) => {
      const { headers, body, params } = request;
      const { name, tags, ...changes } = body;
      const given = { ...changes, ...(tags !== undefined && { tags: tags ?? [] }) };
      const outcome = await episodes.upsert(
        callerOf(request),
        name,
        given,
        expectedVersions(headers),
        headers['if-match'] !== undefined,
        idempotencyKey(headers['idempotency-key'], body),
      );
      const episode = orNotFound(requireSpace(request, outcome));
      markReplayed(reply, episode);
      if (episode.inserted) {
        void reply.code(201).header('location', episodePath(spacePath(params), name));
      }
      return sendItem(reply, episode);
    },
  );
};
