import { type Static, type TProperties, type TSchema, type TString, Type } from '@sinclair/typebox';
import type { JsonObject } from '../../db/schema/columns.js';
import { SLUG_MAX_LENGTH, SLUG_PATTERN } from '../../slug.js';

export const NAME_MAX_LENGTH = 200;
export const DESCRIPTION_MAX_LENGTH = 5000;
export const TAGS_MAX = 50;
const TAG_MAX_LENGTH = 64;
/** The longest: that of a list by path has the last path in it. */
export const CURSOR_MAX_LENGTH = 6144;

const METADATA_MAX_BYTES = 16 * 1024;
const METADATA_MAX_DEPTH = 16;
const METADATA_MAX_NODES = 1000;
export const SUBJECT_MAX_LENGTH = 255;
export const PAGE_SIZE_MAX = 200;
export const BATCH_MAX = 100;
export const INT32_MAX = 2 ** 31 - 1;

/** A shared schema where it is used: the `$id` becomes the name of a component. */
export function ref<Schema extends TSchema>({ $id, description = '' }: Schema) {
  if ($id === undefined) throw new Error('A schema that is referred to needs an $id');
  return Type.Unsafe<Static<Schema>>({ $ref: `${$id}#`, description });
}

/** A schema that also takes null, in the form that OpenAPI 3.1 and every generator know. */
export function Nullable<Schema extends TSchema & { type: string }>(schema: Schema) {
  return Type.Unsafe<Static<Schema> | null>({ ...schema, type: [schema.type, 'null'] });
}

/**
 * A string of valid Unicode without U+0000, which PostgreSQL cannot store: the format `text` of
 * `validation.ts`.
 */
export function Text(options: NonNullable<Parameters<typeof Type.String>[0]>): TString {
  return Type.String({ format: 'text', ...options });
}

export const Slug = Type.String({
  pattern: SLUG_PATTERN,
  minLength: 1,
  maxLength: SLUG_MAX_LENGTH,
  description: 'Names the resource in URLs. Stored as given.',
});

/** The body of a restore, which may be left out. */
export const Restore = Type.Unsafe<{ slug?: string } | null>({
  $id: 'Restore',
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    slug: { ...Slug, description: 'Another slug for it, where its own has been taken meanwhile' },
  },
  description: 'How to restore it; may be left out',
  examples: [{}],
});

/** The body of a restore that has nothing to say, and may be left out. */
export const RestoreAsIs = Type.Unsafe<object | null>({
  $id: 'RestoreAsIs',
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {},
  description: 'Nothing; may be left out',
  examples: [{}],
});

export const Name = Text({
  'x-text': 'name',
  minLength: 1,
  maxLength: NAME_MAX_LENGTH,
  description:
    'Display name: Unicode NFC, white space around it removed, no control characters, at least one visible character.',
});

export const Description = (what: string) =>
  Text({
    'x-text': 'prose',
    maxLength: DESCRIPTION_MAX_LENGTH,
    description: `${what}, at most ${DESCRIPTION_MAX_LENGTH} characters`,
  });

export const Tag = { minLength: 1, maxLength: TAG_MAX_LENGTH, description: 'One tag' };

/** Tags as they are sent. */
export const Tags = Type.Array(Text({ 'x-text': 'name', ...Tag }), {
  maxItems: TAGS_MAX,
  'x-unique': true,
  description: `Tags for categorization, at most ${TAGS_MAX}`,
});

/** Tags as they are answered. */
export const StoredTags = Type.Array(Type.String(Tag), {
  maxItems: TAGS_MAX,
  description: 'Tags for categorization',
});

/** The limits of metadata as it is stored. */
export const METADATA_LIMITS = {
  maxBytes: METADATA_MAX_BYTES,
  maxDepth: METADATA_MAX_DEPTH,
  maxNodes: METADATA_MAX_NODES,
};

/** Metadata as it is sent: an object within limits, or null. */
export const Metadata = Type.Unsafe<JsonObject | null>({
  type: ['object', 'null'],
  additionalProperties: true,
  'x-json-limits': METADATA_LIMITS,
  description: `Arbitrary metadata: a JSON object of at most ${METADATA_MAX_BYTES} bytes, ${METADATA_MAX_DEPTH} levels and ${METADATA_MAX_NODES} values. Numbers that would not read back as sent, such as whole ones beyond 2^53 - 1, are to be sent as strings.`,
});

/** Metadata as it is answered. */
export const StoredMetadata = Type.Unsafe<JsonObject | null>({
  type: ['object', 'null'],
  additionalProperties: true,
  description: 'Arbitrary metadata',
});

export const Id = Type.String({ format: 'uuid', description: 'UUIDv7, in order of creation.' });

export const Timestamp = (description: string) => Type.String({ format: 'date-time', description });

/** The members that tell when something in a space was written. */
export const versionProperties = (what: string) => ({
  createdAt: Timestamp(`When the ${what} was created`),
  updatedAt: Timestamp(`When the ${what} was last written`),
  version: Type.Integer({ minimum: 1, description: `Counts the writes of the ${what}, from 1` }),
});

/** The member of resources that can be deleted and restored, in lists. */
export const deletedAtProperty = (what: string) => ({
  deletedAt: Type.Optional(
    Nullable(
      Timestamp(
        `Only in lists of another \`state\` than \`active\`: when the ${what} was deleted, or null`,
      ),
    ),
  ),
});

export const NamespaceParams = Type.Object({
  slug: Type.String({
    description: 'Namespace slug',
    maxLength: SLUG_MAX_LENGTH,
    examples: ['demo'],
  }),
});

export const pageQueryProperties = {
  page: Type.Integer({
    minimum: 1,
    maximum: INT32_MAX,
    default: 1,
    description: 'Page number (1-based). A page past the end is empty.',
  }),
  pageSize: Type.Integer({
    minimum: 1,
    maximum: INT32_MAX,
    default: 50,
    description: `Items per page. More than ${PAGE_SIZE_MAX} are served as ${PAGE_SIZE_MAX}.`,
  }),
};

/**
 * Declares a query string. A client may leave out all of it; validation fills in the defaults.
 *
 * @param properties optional are those without a default
 */
export function Query<Properties extends TProperties>(properties: Properties) {
  const filled = Type.Object(properties, { additionalProperties: false });
  return Type.Unsafe<Static<typeof filled>>(Type.Partial(filled));
}

/** Begins and continues a walk through a list. */
export const cursorProperty = {
  cursor: Type.Optional(
    Type.String({
      maxLength: CURSOR_MAX_LENGTH,
      description:
        'Walks the list instead of numbering its pages: `start` (or empty) to begin, then the `nextCursor` of the answer before, with the same filters and order, until that is null. Neither skips nor repeats what is there all the time, and no part costs more than the first. `total` is that of the beginning.',
    }),
  ),
};

/** The parameters of lists: the page and its size, or the cursor. */
export const PageQuery = Query({ ...pageQueryProperties, ...cursorProperty });

/** The member that a list has in a walk. */
export const nextCursorProperty = {
  nextCursor: Type.Optional(
    Nullable(
      Type.String({
        maxLength: CURSOR_MAX_LENGTH,
        description: 'Only with `cursor`: that of the next part, or null where there is none',
      }),
    ),
  ),
};

/** The members that every list has beside its items. */
export const pageProperties = {
  page: Type.Integer({ minimum: 1, description: 'The page that was asked for' }),
  pageSize: Type.Integer({
    minimum: 1,
    maximum: PAGE_SIZE_MAX,
    description: 'Items per page, as served',
  }),
  total: Type.Integer({ minimum: 0, description: 'How many items there are on all pages' }),
  totalPages: Type.Integer({
    minimum: 0,
    description: 'How many pages there are; 0 when there is no item',
  }),
};

/**
 * @param query of the request
 * @returns the part of the list to read, and the members of the response once its total is known
 */
export function paging({ page, pageSize: asked }: Static<typeof PageQuery>) {
  const pageSize = Math.min(asked, PAGE_SIZE_MAX);
  return {
    limit: pageSize,
    offset: (page - 1) * pageSize,
    describe: (total: number) => ({
      page,
      pageSize,
      total,
      totalPages: Math.ceil(total / pageSize),
    }),
  };
}
