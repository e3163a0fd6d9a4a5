import { Type } from '@sinclair/typebox';
import {
  NamespaceParams,
  nextCursorProperty,
  PAGE_SIZE_MAX,
  pageProperties,
  ref,
  SUBJECT_MAX_LENGTH,
  Timestamp,
} from '../conventions/schemas.js';
import { Role } from '../namespaces/schema.js';

const example = {
  subject: 'alice',
  role: 'editor',
  createdAt: '2026-11-23T09:30:00.000Z',
  updatedAt: '2026-11-23T09:30:00.000Z',
};

export const Member = Type.Object(
  {
    subject: Type.String({
      minLength: 1,
      maxLength: SUBJECT_MAX_LENGTH,
      description: 'The `sub` of the member’s tokens',
    }),
    role: Role,
    createdAt: Timestamp('When the member was added'),
    updatedAt: Timestamp('When the role was last changed'),
  },
  { $id: 'Member', description: 'A member of a namespace', examples: [example] },
);

export const MemberList = Type.Object(
  {
    members: Type.Array(ref(Member), { maxItems: PAGE_SIZE_MAX, description: 'The page' }),
    ...pageProperties,
    ...nextCursorProperty,
  },
  {
    $id: 'MemberList',
    description: 'A page of the members of a namespace',
    examples: [{ members: [example], page: 1, pageSize: 50, total: 1, totalPages: 1 }],
  },
);

export const MemberPut = Type.Object(
  { role: Role },
  {
    $id: 'MemberPut',
    description: 'The role to give to a member',
    additionalProperties: false,
    examples: [{ role: 'editor' }],
  },
);

export const MemberParams = Type.Object({
  ...NamespaceParams.properties,
  subject: Type.String({
    description: 'The `sub` of the member’s tokens',
    maxLength: SUBJECT_MAX_LENGTH,
    examples: ['alice'],
  }),
});

export const memberSchemas = [Member, MemberList, MemberPut];
