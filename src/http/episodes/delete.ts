import { Type } from '@sinclair/typebox';
import { callerOf, rejectPermanent, requireSpace } from '../contents/space.js';
import { expectedVersions, withETag, WriteConditions } from '../conventions/etag.js';
import { type AddEpisodeRoute, episodeName, orNotFound } from './routes.js';
import { EpisodeParams } from './schema.js';

export const deleteEpisode: AddEpisodeRoute = (app, episodes) => {
  app.delete(
    '/episodes/:name',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: ['write_protected', 'space_not_found', 'episode_not_found'],
      },
      schema: {
        operationId: 'deleteEpisode',
        summary: 'Delete an episode',
        description:
          'A soft delete of the episode and its assets; a restore brings back both. Its name stays taken.',
        tags: ['episodes'],
        params: EpisodeParams,
        headers: WriteConditions,
        response: { 204: withETag(Type.Null({ description: 'Deleted' })) },
      },
      preValidation: rejectPermanent,
    },
    async (request, reply) => {
      const outcome = await episodes.delete(
        callerOf(request),
        episodeName(request.params.name),
        expectedVersions(request.headers),
      );
      const { tag } = orNotFound(requireSpace(request, outcome));
      return reply.code(204).header('etag', `"${tag}"`).send(null);
    },
  );
};
