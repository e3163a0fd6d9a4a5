import { Type } from '@sinclair/typebox';
import { SLUG_MAX_LENGTH } from '../../slug.js';
import {
  BATCH_MAX,
  deletedAtProperty,
  Description,
  DESCRIPTION_MAX_LENGTH,
  Id,
  Metadata,
  Name,
  NAME_MAX_LENGTH,
  NamespaceParams,
  nextCursorProperty,
  Nullable,
  PAGE_SIZE_MAX,
  pageProperties,
  ref,
  Slug,
  StoredMetadata,
  StoredTags,
  Tags,
  versionProperties,
} from '../conventions/schemas.js';

const example = {
  id: '0199b2f4-6c1e-7d3a-9b5e-2f8c4a1d7e60',
  name: 'Robotics Lab',
  slug: 'robotics-lab',
  description: 'Main robotics project',
  tags: ['robotics'],
};

const itemProperties = {
  id: Id,
  name: Type.String({ maxLength: NAME_MAX_LENGTH, description: 'Display name' }),
  slug: Type.String({
    maxLength: SLUG_MAX_LENGTH,
    description: 'URL slug, unique among the spaces of the namespace',
  }),
  description: Nullable(
    Type.String({ maxLength: DESCRIPTION_MAX_LENGTH, description: 'Space description' }),
  ),
  tags: StoredTags,
};

const spaceProperties = {
  ...itemProperties,
  metadata: StoredMetadata,
};

export const SpaceListItem = Type.Object(
  {
    ...itemProperties,
    ...deletedAtProperty('space'),
  },
  { $id: 'SpaceListItem', description: 'A space in lists', examples: [example] },
);

export const SpaceList = Type.Object(
  {
    spaces: Type.Array(ref(SpaceListItem), { maxItems: PAGE_SIZE_MAX, description: 'The page' }),
    ...pageProperties,
    ...nextCursorProperty,
  },
  {
    $id: 'SpaceList',
    description: 'A page of the spaces of a namespace',
    examples: [{ spaces: [example], page: 1, pageSize: 50, total: 1, totalPages: 1 }],
  },
);

export const Space = Type.Object(spaceProperties, {
  $id: 'Space',
  description: 'A space, also called project',
  examples: [{ ...example, metadata: null }],
});

export const SpaceNamespace = Type.Object(
  { id: Id, slug: Type.String({ maxLength: SLUG_MAX_LENGTH, description: 'Namespace slug' }) },
  {
    $id: 'SpaceNamespace',
    description: 'The namespace of a space',
    examples: [{ id: '0199b2f4-5a07-7c11-8f2d-6e3b9d0c1a52', slug: 'demo' }],
  },
);

export const SpaceContents = Type.Object(
  {
    folders: Type.Integer({ minimum: 0, description: 'The number of folders' }),
    episodes: Type.Integer({ minimum: 0, description: 'The number of active episodes' }),
    assets: Type.Integer({ minimum: 0, description: 'The number of active assets' }),
  },
  {
    $id: 'SpaceContents',
    description: 'The counts of the contents of a space',
    examples: [{ folders: 2, episodes: 1, assets: 3 }],
  },
);

export const SpaceDetails = Type.Object(
  {
    ...spaceProperties,
    namespace: ref(SpaceNamespace),
    contents: ref(SpaceContents),
    ...versionProperties('space'),
  },
  {
    $id: 'SpaceDetails',
    description:
      'A space with its namespace, the counts of its contents, its timestamps and version',
    examples: [
      {
        ...example,
        metadata: { team: 'lab-a' },
        namespace: { id: '0199b2f4-5a07-7c11-8f2d-6e3b9d0c1a52', slug: 'demo' },
        contents: { folders: 2, episodes: 1, assets: 3 },
        createdAt: '2026-11-23T09:30:00.000Z',
        updatedAt: '2026-11-23T10:15:00.000Z',
        version: 2,
      },
    ],
  },
);

const newSpaceProperties = {
  description: Type.Optional(Nullable(Description('Space description'))),
  tags: Type.Optional(Nullable(Tags)),
  metadata: Type.Optional(Metadata),
};

const newSpaceExamples = [
  { name: 'Field Tests', description: 'Trials outdoors', tags: ['robotics'] },
  { name: 'Night Tests', slug: 'night', metadata: { team: 'lab-a' } },
  { name: 'Wind Tunnel' },
];

export const SpaceCreate = Type.Object(
  {
    name: Name,
    slug: Type.Optional(
      Nullable({ ...Slug, description: 'URL slug (derived from the name if omitted or null)' }),
    ),
    ...newSpaceProperties,
  },
  {
    $id: 'SpaceCreate',
    description: 'A new space',
    additionalProperties: false,
    examples: newSpaceExamples,
  },
);

export const SpaceEnsure = Type.Object(
  { name: Name, ...newSpaceProperties },
  {
    $id: 'SpaceEnsure',
    description: 'The space to create if none has the slug of the path',
    additionalProperties: false,
    examples: newSpaceExamples.slice(0, 1),
  },
);

export const SpaceBatch = Type.Object(
  {
    spaces: Type.Array(ref(SpaceCreate), {
      minItems: 1,
      maxItems: BATCH_MAX,
      description: `The spaces to create, 1 to ${BATCH_MAX}`,
    }),
  },
  {
    $id: 'SpaceBatch',
    description: 'Several new spaces',
    additionalProperties: false,
    examples: [{ spaces: newSpaceExamples.slice(1) }],
  },
);

export const SpaceBatchResult = Type.Object(
  {
    spaces: Type.Array(ref(Space), {
      maxItems: BATCH_MAX,
      description: 'The created spaces, in the order of the request',
    }),
  },
  {
    $id: 'SpaceBatchResult',
    description: 'The created spaces',
    examples: [{ spaces: [{ ...example, metadata: null }] }],
  },
);

export const SpaceUpdate = Type.Object(
  {
    name: Type.Optional(Name),
    slug: Type.Optional({ ...Slug, description: 'New URL slug' }),
    description: Type.Optional(Nullable(Description('Space description'))),
    tags: Type.Optional(Nullable(Tags)),
    metadata: Type.Optional(Metadata),
  },
  {
    $id: 'SpaceUpdate',
    description: 'The fields of a space to change; null clears description, tags and metadata',
    additionalProperties: false,
    examples: [
      {
        description: 'Updated description',
        tags: ['robotics', 'production'],
        metadata: { team: 'lab-a' },
      },
    ],
  },
);

export const SpaceParams = Type.Object({
  ...NamespaceParams.properties,
  projectSlug: Type.String({
    description: 'Current project slug',
    maxLength: SLUG_MAX_LENGTH,
    examples: ['robotics-lab'],
  }),
});

export const SpaceEnsureParams = Type.Object({
  ...NamespaceParams.properties,
  projectSlug: { ...Slug, description: 'The slug of the project', examples: ['field-tests'] },
});

export const spaceSchemas = [
  SpaceNamespace,
  SpaceContents,
  SpaceListItem,
  SpaceList,
  Space,
  SpaceDetails,
  SpaceUpdate,
  SpaceCreate,
  SpaceEnsure,
  SpaceBatch,
  SpaceBatchResult,
];
