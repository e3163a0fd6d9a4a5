import { Type } from '@sinclair/typebox';
import { COMPARED_LENGTH } from '../../path.js';
import { selectFolders } from '../../repositories/folders/list.js';
import { sendContentList } from '../contents/list.js';
import { ContentParams } from '../contents/space.js';
import { NotModified, ReadConditions } from '../conventions/etag.js';
import { pageOf } from '../conventions/list-page.js';
import { searchRule, TextFilter } from '../conventions/list-query.js';
import { cursorProperty, pageQueryProperties, Query, ref } from '../conventions/schemas.js';
import { PermanentRedirect } from '../errors/redirect.js';
import { FolderPath } from './path.js';
import type { AddFolderRoute } from './routes.js';
import { FolderList } from './schema.js';

const FolderQuery = Query({
  ...pageQueryProperties,
  parent: {
    ...FolderPath,
    default: '/',
    description:
      'Folders in the folder with this path. The list is empty if there is no such folder.',
  },
  recursive: Type.Boolean({
    default: false,
    description: 'Whether to list all folders below the parent, not only its direct children',
  }),
  q: TextFilter('the name'),
  ...cursorProperty,
});

export const listFolders: AddFolderRoute = (app, folders) => {
  app.get(
    '/folders',
    {
      config: {
        scope: 'spaces:read',
        role: 'viewer',
        problems: ['space_not_found'],
        isSearch: searchRule('parent', 'recursive'),
      },
      schema: {
        operationId: 'listFolders',
        summary: 'List the folders of a project',
        description: `By default the direct children of \`parent\`, in the order of their paths. Folders whose paths share the first ${COMPARED_LENGTH} characters may be in the order of their creation.`,
        tags: ['folders'],
        params: ContentParams({}),
        querystring: FolderQuery,
        headers: ReadConditions,
        response: { 200: pageOf(ref(FolderList)), 304: NotModified, 308: PermanentRedirect },
      },
    },
    (request, reply) => {
      const { parent, recursive, q } = request.query;
      const selection = selectFolders({ parent, recursive, text: q ?? null });
      return sendContentList(request, reply, { key: 'folders', lists: folders.lists, selection });
    },
  );
};
