import { itemOf, sendItem } from '../contents/item.js';
import { callerOf, requireSpace } from '../contents/space.js';
import { expectedVersions, WriteConditions } from '../conventions/etag.js';
import { ref } from '../conventions/schemas.js';
import { metadataMerge, PATCH_TYPES } from '../server/json-body.js';
import { type AddEpisodeRoute, episodeName, orNotFound } from './routes.js';
import { Episode, EpisodeParams, EpisodeUpdate } from './schema.js';

export const updateEpisode: AddEpisodeRoute = (app, episodes) => {
  app.patch(
    '/episodes/:name',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: ['write_protected', 'space_not_found', 'episode_not_found', 'name_conflict'],
      },
      schema: {
        operationId: 'updateEpisode',
        summary: 'Update an episode',
        description:
          'Only provided fields are updated. `metadata` is replaced whole under `application/json` and merged (RFC 7396) under `application/merge-patch+json`.',
        tags: ['episodes'],
        consumes: PATCH_TYPES,
        params: EpisodeParams,
        headers: WriteConditions,
        body: ref(EpisodeUpdate),
        response: { 200: itemOf(ref(Episode)) },
      },
    },
    async (request, reply) => {
      const { headers, body, params } = request;
      const { tags, ...changes } = body;
      const given = { ...changes, ...(tags !== undefined && { tags: tags ?? [] }) };
      const outcome = await episodes.update(
        callerOf(request),
        episodeName(params.name),
        given,
        expectedVersions(headers),
        metadataMerge(request, given.metadata),
      );
      return sendItem(reply, orNotFound(requireSpace(request, outcome)));
    },
  );
};
