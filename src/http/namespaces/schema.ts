import { Type } from '@sinclair/typebox';
import { memberRole } from '../../db/schema/members.js';
import { SLUG_MAX_LENGTH } from '../../slug.js';
import {
  Id,
  Metadata,
  Name,
  NAME_MAX_LENGTH,
  nextCursorProperty,
  Nullable,
  PAGE_SIZE_MAX,
  pageProperties,
  ref,
  Slug,
  StoredMetadata,
  Timestamp,
} from '../conventions/schemas.js';

const example = { id: '0199b2f4-5a07-7c11-8f2d-6e3b9d0c1a52', slug: 'demo', name: 'Demo team' };

const namespaceProperties = {
  id: Id,
  slug: Type.String({
    maxLength: SLUG_MAX_LENGTH,
    description: 'Namespace slug, unique among all namespaces',
  }),
  name: Nullable(Type.String({ maxLength: NAME_MAX_LENGTH, description: 'Display name' })),
};

export const Role = Type.Unsafe<(typeof memberRole.enumValues)[number]>(
  Type.String({
    enum: memberRole.enumValues,
    description:
      'Viewers read, editors also write spaces and their contents, owners also change the namespace and its members.',
  }),
);

export const NamespaceListItem = Type.Object(
  { ...namespaceProperties, role: Role },
  {
    $id: 'NamespaceListItem',
    description: 'A namespace with the role of the caller in it',
    examples: [{ ...example, role: 'owner' }],
  },
);

export const NamespaceList = Type.Object(
  {
    namespaces: Type.Array(ref(NamespaceListItem), {
      maxItems: PAGE_SIZE_MAX,
      description: 'The page',
    }),
    ...pageProperties,
    ...nextCursorProperty,
  },
  {
    $id: 'NamespaceList',
    description: 'A page of the namespaces that the caller is a member of',
    examples: [
      {
        namespaces: [{ ...example, role: 'owner' }],
        page: 1,
        pageSize: 50,
        total: 1,
        totalPages: 1,
      },
    ],
  },
);

export const Namespace = Type.Object(
  {
    ...namespaceProperties,
    metadata: StoredMetadata,
    spaces: Type.Integer({ minimum: 0, description: 'The number of active spaces' }),
    createdAt: Timestamp('When the namespace was created'),
    updatedAt: Timestamp('When the namespace itself, not its spaces, was last written'),
  },
  {
    $id: 'Namespace',
    description: 'A user or a team',
    examples: [
      {
        ...example,
        metadata: null,
        spaces: 1,
        createdAt: '2026-11-23T09:30:00.000Z',
        updatedAt: '2026-11-23T09:30:00.000Z',
      },
    ],
  },
);

export const NamespaceCreate = Type.Object(
  {
    slug: Slug,
    name: Type.Optional(Nullable(Name)),
    metadata: Type.Optional(Metadata),
  },
  {
    $id: 'NamespaceCreate',
    description: 'A new namespace',
    additionalProperties: false,
    examples: [{ slug: 'perception', name: 'Perception team' }],
  },
);

export const NamespaceUpdate = Type.Object(
  {
    slug: Type.Optional({
      ...Slug,
      description:
        'A new slug. The old one is reserved for the owners for `NAMESPACE_SLUG_HOLD_DAYS`',
    }),
    name: Type.Optional(Nullable(Name)),
    metadata: Type.Optional(Metadata),
  },
  {
    $id: 'NamespaceUpdate',
    description: 'The fields of a namespace to change; null clears name and metadata',
    additionalProperties: false,
    examples: [{ name: 'Perception and control' }],
  },
);

export const namespaceSchemas = [
  NamespaceListItem,
  NamespaceList,
  Namespace,
  NamespaceCreate,
  NamespaceUpdate,
];
