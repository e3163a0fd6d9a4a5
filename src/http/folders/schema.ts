import { Type } from '@sinclair/typebox';
import { EMPTY_FOLDER_EXAMPLE, FOLDER_ID_EXAMPLE } from '../../examples.js';
import { lastSegment, PATH_MAX_LENGTH, SEGMENT_MAX_LENGTH } from '../../path.js';
import { ContentParams } from '../contents/space.js';
import {
  Id,
  Metadata,
  nextCursorProperty,
  PAGE_SIZE_MAX,
  pageProperties,
  ref,
  StoredMetadata,
  versionProperties,
} from '../conventions/schemas.js';
import { ItemPath } from './path.js';

const example = {
  id: FOLDER_ID_EXAMPLE,
  path: EMPTY_FOLDER_EXAMPLE,
  name: lastSegment(EMPTY_FOLDER_EXAMPLE),
  metadata: null,
  createdAt: '2026-11-23T09:30:00.000Z',
  updatedAt: '2026-11-23T09:30:00.000Z',
  version: 1,
};

export const Folder = Type.Object(
  {
    id: Id,
    path: Type.String({ maxLength: PATH_MAX_LENGTH, description: 'Unique in the space' }),
    name: Type.String({
      maxLength: SEGMENT_MAX_LENGTH,
      description: 'The last segment of the path',
    }),
    metadata: StoredMetadata,
    ...versionProperties('folder'),
  },
  { $id: 'Folder', description: 'A folder of a space', examples: [example] },
);

export const FolderList = Type.Object(
  {
    folders: Type.Array(ref(Folder), { maxItems: PAGE_SIZE_MAX, description: 'The page' }),
    ...pageProperties,
    ...nextCursorProperty,
  },
  {
    $id: 'FolderList',
    description: 'A page of the folders of a space',
    examples: [{ folders: [example], page: 1, pageSize: 50, total: 1, totalPages: 1 }],
  },
);

export const FolderCreate = Type.Object(
  {
    path: ItemPath('The path of the folder; missing parent folders are created.'),
    metadata: Type.Optional(Metadata),
  },
  {
    $id: 'FolderCreate',
    description: 'A new folder',
    additionalProperties: false,
    examples: [{ path: '/2026/day-shift' }],
  },
);

export const FolderUpdate = Type.Object(
  {
    path: Type.Optional(ItemPath('A new path, which moves the folder with everything below.')),
    metadata: Type.Optional(Metadata),
  },
  {
    $id: 'FolderUpdate',
    description: 'The fields of a folder to change; null clears metadata',
    additionalProperties: false,
    examples: [{ metadata: { site: 'hall-3' } }],
  },
);

export const FolderParams = ContentParams({
  folderId: Type.String({ description: 'The id of the folder', examples: [example.id] }),
});

export const folderSchemas = [Folder, FolderList, FolderCreate, FolderUpdate];
