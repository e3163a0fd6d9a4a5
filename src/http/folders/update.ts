import { itemOf, sendItem } from '../contents/item.js';
import { callerOf, possibleId, requireSpace } from '../contents/space.js';
import { expectedVersions, WriteConditions } from '../conventions/etag.js';
import { ref } from '../conventions/schemas.js';
import { metadataMerge, PATCH_TYPES } from '../server/json-body.js';
import { type AddFolderRoute, orNotFound } from './routes.js';
import { Folder, FolderParams, FolderUpdate } from './schema.js';

export const updateFolder: AddFolderRoute = (app, folders) => {
  app.patch(
    '/folders/:folderId',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: [
          'write_protected',
          'space_not_found',
          'folder_not_found',
          'path_conflict',
          'folder_cycle',
        ],
      },
      schema: {
        operationId: 'updateFolder',
        summary: 'Update, rename or move a folder',
        description:
          'A new `path` moves the folder with everything below atomically; missing parent folders are created. A folder that contains a write-protected episode cannot be moved.',
        tags: ['folders'],
        consumes: PATCH_TYPES,
        params: FolderParams,
        headers: WriteConditions,
        body: ref(FolderUpdate),
        response: { 200: itemOf(ref(Folder)) },
      },
    },
    async (request, reply) => {
      const { headers, body, params } = request;
      const outcome = await folders.update(
        callerOf(request),
        possibleId(params.folderId),
        body,
        expectedVersions(headers),
        metadataMerge(request, body.metadata),
      );
      return sendItem(reply, orNotFound(requireSpace(request, outcome)));
    },
  );
};
