import { Type } from '@sinclair/typebox';
import { callerOf, possibleId, rejectPermanent, requireSpace } from '../contents/space.js';
import { expectedVersions, withETag, WriteConditions } from '../conventions/etag.js';
import { type AddFolderRoute, orNotFound } from './routes.js';
import { FolderParams } from './schema.js';

export const deleteFolder: AddFolderRoute = (app, folders) => {
  app.delete(
    '/folders/:folderId',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: ['space_not_found', 'folder_not_found', 'folder_not_empty'],
      },
      schema: {
        operationId: 'deleteFolder',
        summary: 'Delete a folder',
        description:
          'Deletes an empty folder permanently. A folder with folders, episodes or assets in it is 409.',
        tags: ['folders'],
        params: FolderParams,
        headers: WriteConditions,
        response: { 204: withETag(Type.Null({ description: 'Deleted' })) },
      },
      preValidation: rejectPermanent,
    },
    async (request, reply) => {
      const outcome = await folders.delete(
        callerOf(request),
        possibleId(request.params.folderId),
        expectedVersions(request.headers),
      );
      const { tag } = orNotFound(requireSpace(request, outcome));
      return reply.code(204).header('etag', `"${tag}"`).send(null);
    },
  );
};
