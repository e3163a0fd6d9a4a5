import { itemOf, sendItem } from '../contents/item.js';
import { callerOf, ContentParams, requireSpace, spacePath } from '../contents/space.js';
import {
  IdempotencyHeader,
  idempotencyKey,
  locationHeader,
  markReplayed,
  replayedHeader,
} from '../conventions/idempotency-key.js';
import { ref } from '../conventions/schemas.js';
import { type AddFolderRoute, orNotFound } from './routes.js';
import { Folder, FolderCreate } from './schema.js';

export const createFolder: AddFolderRoute = (app, folders) => {
  app.post(
    '/folders',
    {
      config: {
        scope: 'spaces:write',
        role: 'editor',
        problems: ['space_not_found', 'path_conflict'],
      },
      schema: {
        operationId: 'createFolder',
        summary: 'Create a folder',
        description: 'Missing parent folders are created.',
        tags: ['folders'],
        params: ContentParams({}),
        headers: IdempotencyHeader,
        body: ref(FolderCreate),
        response: { 201: itemOf(ref(Folder), { ...locationHeader, ...replayedHeader }) },
      },
    },
    async (request, reply) => {
      const { headers, body, params } = request;
      const outcome = await folders.create(
        callerOf(request),
        { path: body.path, metadata: body.metadata ?? null },
        idempotencyKey(headers['idempotency-key'], body),
      );
      const folder = orNotFound(requireSpace(request, outcome));
      markReplayed(reply, folder);
      void reply.code(201).header('location', `${spacePath(params)}/folders/${folder.ids}`);
      return sendItem(reply, folder);
    },
  );
};
