import { Type } from '@sinclair/typebox';
import { episodeStatus } from '../../db/schema/episodes.js';
import { FOLDER_EXAMPLE } from '../../examples.js';
import { PATH_MAX_LENGTH } from '../../path.js';
import { ContentParams } from '../contents/space.js';
import {
  deletedAtProperty,
  Description,
  DESCRIPTION_MAX_LENGTH,
  Id,
  Metadata,
  Name,
  NAME_MAX_LENGTH,
  nextCursorProperty,
  Nullable,
  PAGE_SIZE_MAX,
  pageProperties,
  ref,
  StoredMetadata,
  StoredTags,
  Tags,
  versionProperties,
} from '../conventions/schemas.js';
import { FolderPath, SEGMENT_PATTERN } from '../folders/path.js';

const example = {
  id: '0199b2f5-1d40-7b62-8c35-4a9e7d20c81f',
  name: 'run-0042',
  description: 'Pick and place, night shift',
  tags: ['night'],
  status: 'running',
  writeProtected: false,
  folder: FOLDER_EXAMPLE,
  metadata: { robot: 'arm-7' },
  createdAt: '2026-11-23T09:30:00.000Z',
  updatedAt: '2026-11-23T09:30:00.000Z',
  version: 1,
};

export const EpisodeStatus = Type.Unsafe<(typeof episodeStatus.enumValues)[number]>(
  Type.String({
    $id: 'EpisodeStatus',
    enum: episodeStatus.enumValues,
    description: 'The state of the recording',
    examples: ['completed'],
  }),
);

const EpisodeName = {
  ...Name,
  pattern: SEGMENT_PATTERN,
  description: `${Name.description ?? ''} No slash, and neither \`.\` nor \`..\`. Unique in the space, whatever the folder.`,
};

export const Episode = Type.Object(
  {
    id: Id,
    name: Type.String({ maxLength: NAME_MAX_LENGTH, description: 'Unique in the space' }),
    description: Nullable(
      Type.String({ maxLength: DESCRIPTION_MAX_LENGTH, description: 'Episode description' }),
    ),
    tags: StoredTags,
    status: ref(EpisodeStatus),
    writeProtected: Type.Boolean({
      description: 'Whether it is write-protected, which is permanent',
    }),
    folder: Type.String({
      maxLength: PATH_MAX_LENGTH,
      description: 'The path of its folder, `/` for the root',
    }),
    metadata: StoredMetadata,
    ...versionProperties('episode'),
    ...deletedAtProperty('episode'),
  },
  {
    $id: 'Episode',
    description: 'One recorded run of a robot or an experiment',
    examples: [example],
  },
);

export const EpisodeList = Type.Object(
  {
    episodes: Type.Array(ref(Episode), { maxItems: PAGE_SIZE_MAX, description: 'The page' }),
    ...pageProperties,
    ...nextCursorProperty,
  },
  {
    $id: 'EpisodeList',
    description: 'A page of the episodes of a space',
    examples: [{ episodes: [example], page: 1, pageSize: 50, total: 1, totalPages: 1 }],
  },
);

const changes = {
  folder: Type.Optional({
    ...FolderPath,
    description: 'The path of a folder, `/` for the root. A missing folder is created.',
  }),
  description: Type.Optional(Nullable(Description('Episode description'))),
  tags: Type.Optional(Nullable(Tags)),
  status: Type.Optional(ref(EpisodeStatus)),
  writeProtected: Type.Optional(
    Type.Boolean({
      description: 'true permanently protects the episode and all of its assets from every change',
    }),
  ),
  metadata: Type.Optional(Metadata),
};

export const EpisodeUpsert = Type.Object(
  { name: EpisodeName, ...changes },
  {
    $id: 'EpisodeUpsert',
    description: 'A new episode, or the fields to change of the existing one with this name',
    additionalProperties: false,
    examples: [
      { name: 'run-0043', folder: FOLDER_EXAMPLE, tags: ['night'], metadata: { robot: 'arm-7' } },
    ],
  },
);

export const EpisodeUpdate = Type.Object(
  { name: Type.Optional(EpisodeName), ...changes },
  {
    $id: 'EpisodeUpdate',
    description: 'The fields of an episode to change; null clears description, tags and metadata',
    additionalProperties: false,
    examples: [{ status: 'completed' }],
  },
);

export const EpisodeParams = ContentParams({
  name: Type.String({
    description: 'The name of the episode',
    maxLength: NAME_MAX_LENGTH,
    examples: ['run-0042'],
  }),
});

export const episodeSchemas = [EpisodeStatus, Episode, EpisodeList, EpisodeUpsert, EpisodeUpdate];
