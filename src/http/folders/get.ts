import { itemOf, sendItemUnlessKnown } from '../contents/item.js';
import { callerOf, possibleId, requireSpace } from '../contents/space.js';
import { NotModified, ReadConditions } from '../conventions/etag.js';
import { ref } from '../conventions/schemas.js';
import { PermanentRedirect } from '../errors/redirect.js';
import { type AddFolderRoute, orNotFound } from './routes.js';
import { Folder, FolderParams } from './schema.js';

export const getFolder: AddFolderRoute = (app, folders) => {
  app.get(
    '/folders/:folderId',
    {
      config: {
        scope: 'spaces:read',
        role: 'viewer',
        problems: ['space_not_found', 'folder_not_found'],
      },
      schema: {
        operationId: 'getFolder',
        summary: 'Get a folder',
        tags: ['folders'],
        params: FolderParams,
        headers: ReadConditions,
        response: { 200: itemOf(ref(Folder)), 304: NotModified, 308: PermanentRedirect },
      },
    },
    async (request, reply) => {
      const outcome = await folders.get(callerOf(request), possibleId(request.params.folderId));
      return sendItemUnlessKnown(
        reply,
        request.headers,
        orNotFound(requireSpace(request, outcome)),
      );
    },
  );
};
