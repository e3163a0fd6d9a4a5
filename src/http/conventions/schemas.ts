import { type Static, type TProperties, type TSchema, type TString, Type } from '@sinclair/typebox';
import type { JsonObject } from '../../db/schema/columns.js';
import { SLUG_MAX_LENGTH, SLUG_PATTERN } from '../../slug.js';

export const NAME_MAX_LENGTH = 200;
export const DESCRIPTION_MAX_LENGTH = 5000;
export const TAGS_MAX = 50;
const TAG_MAX_LENGTH = 64;
/** Enough for the longest cursor, which contains the last path of a list in the order of paths. */
export const CURSOR_MAX_LENGTH = 6144;

const METADATA_MAX_BYTES = 16 * 1024;
const METADATA_MAX_DEPTH = 16;
const METADATA_MAX_NODES = 1000;
export const SUBJECT_MAX_LENGTH = 255;
export const PAGE_SIZE_MAX = 200;
export const BATCH_MAX = 100;
export const INT32_MAX = 2 ** 31 - 1;

/** A reference to a shared schema, whose `$id` becomes the name of a component. */
export function ref<Schema extends TSchema>({ $id, description = '' }: Schema) {
  if ($id === undefined) throw new Error('A schema that is referred to needs an $id');
  return Type.Unsafe<Static<Schema>>({ $ref: `${$id}#`, description });
}

/** A schema that also accepts null, in the form that OpenAPI 3.1 and all generators support. */
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
  description: 'Identifies the resource in URLs. Stored as given.',
});

/** The optional body of a restore. */
export const Restore = Type.Unsafe<{ slug?: string } | null>({
  $id: 'Restore',
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {
    slug: {
      ...Slug,
      description: 'A new slug, in case the former one has been taken in the meantime',
    },
  },
  description: 'Options of the restore; the body may be omitted',
  examples: [{}],
});

/** The optional body of a restore without options. */
export const RestoreAsIs = Type.Unsafe<object | null>({
  $id: 'RestoreAsIs',
  type: ['object', 'null'],
  additionalProperties: false,
  properties: {},
  description: 'An empty object; the body may be omitted',
  examples: [{}],
});

export const Name = Text({
  'x-text': 'name',
  minLength: 1,
  maxLength: NAME_MAX_LENGTH,
  description:
    'Display name: normalized to Unicode NFC and trimmed; no control characters, at least one visible character.',
});

export const Description = (what: string) =>
  Text({
    'x-text': 'prose',
    maxLength: DESCRIPTION_MAX_LENGTH,
    description: `${what}, at most ${DESCRIPTION_MAX_LENGTH} characters`,
  });

export const Tag = { minLength: 1, maxLength: TAG_MAX_LENGTH, description: 'One tag' };

/** Tags in requests. */
export const Tags = Type.Array(Text({ 'x-text': 'name', ...Tag }), {
  maxItems: TAGS_MAX,
  'x-unique': true,
  description: `Tags for categorization, at most ${TAGS_MAX}`,
});

/** Tags in responses. */
export const StoredTags = Type.Array(Type.String(Tag), {
  maxItems: TAGS_MAX,
  description: 'Tags for categorization',
});

/** The limits of stored metadata. */
export const METADATA_LIMITS = {
  maxBytes: METADATA_MAX_BYTES,
  maxDepth: METADATA_MAX_DEPTH,
  maxNodes: METADATA_MAX_NODES,
};

/** Metadata in requests: an object within the limits, or null. */
export const Metadata = Type.Unsafe<JsonObject | null>({
  type: ['object', 'null'],
  additionalProperties: true,
  'x-json-limits': METADATA_LIMITS,
  description: `Arbitrary metadata: a JSON object of at most ${METADATA_MAX_BYTES} bytes, ${METADATA_MAX_DEPTH} levels and ${METADATA_MAX_NODES} values. Send numbers that a double cannot represent, such as integers above 2^53 - 1, as strings.`,
});

/** Metadata in responses. */
export const StoredMetadata = Type.Unsafe<JsonObject | null>({
  type: ['object', 'null'],
  additionalProperties: true,
  description: 'Arbitrary metadata',
});

export const Id = Type.String({ format: 'uuid', description: 'UUIDv7, in order of creation.' });

export const Timestamp = (description: string) => Type.String({ format: 'date-time', description });

/** The version and timestamps of a resource in a space. */
export const versionProperties = (what: string) => ({
  createdAt: Timestamp(`When the ${what} was created`),
  updatedAt: Timestamp(`When the ${what} was last written`),
  version: Type.Integer({
    minimum: 1,
    description: `The version of the ${what}, from 1; each write increments it`,
  }),
});

/** The time of deletion, in lists of resources that can be restored. */
export const deletedAtProperty = (what: string) => ({
  deletedAt: Type.Optional(
    Nullable(
      Timestamp(
        `When the ${what} was deleted, or null; only in lists with another \`state\` than \`active\``,
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
    description: 'Page number, from 1. A page past the end is empty.',
  }),
  pageSize: Type.Integer({
    minimum: 1,
    maximum: INT32_MAX,
    default: 50,
    description: `Items per page; values above ${PAGE_SIZE_MAX} count as ${PAGE_SIZE_MAX}.`,
  }),
};

/**
 * Declares a query string. Every parameter may be omitted; validation fills in the defaults.
 *
 * @param properties the parameters; those without a default are optional
 */
export function Query<Properties extends TProperties>(properties: Properties) {
  const filled = Type.Object(properties, { additionalProperties: false });
  return Type.Unsafe<Static<typeof filled>>(Type.Partial(filled));
}

/** The parameter of cursor pagination. */
export const cursorProperty = {
  cursor: Type.Optional(
    Type.String({
      maxLength: CURSOR_MAX_LENGTH,
      description:
        'Cursor pagination instead of page numbers: `start` (or empty) for the first page, then the `nextCursor` of the previous response with the same filters and order, until it is null. No item that exists throughout is skipped or repeated, and no page costs more than the first. `total` is the number of items at the start.',
    }),
  ),
};

/** The query string of lists without filters: the page and its size, or the cursor. */
export const PageQuery = Query({ ...pageQueryProperties, ...cursorProperty });

/** The member of cursor pages. */
export const nextCursorProperty = {
  nextCursor: Type.Optional(
    Nullable(
      Type.String({
        maxLength: CURSOR_MAX_LENGTH,
        description: 'Only with `cursor`: the cursor of the next page, or null on the last one',
      }),
    ),
  ),
};

/** The members of every list besides its items. */
export const pageProperties = {
  page: Type.Integer({ minimum: 1, description: 'The page number' }),
  pageSize: Type.Integer({
    minimum: 1,
    maximum: PAGE_SIZE_MAX,
    description: 'The number of items per page',
  }),
  total: Type.Integer({ minimum: 0, description: 'The number of items on all pages' }),
  totalPages: Type.Integer({
    minimum: 0,
    description: 'The number of pages; 0 if there are no items',
  }),
};

/**
 * @param query the query string of the request
 * @returns the limit and offset to read, and a function that returns the page members of the response for a
 *   total
 */
export function paging({ page, pageSize: asked }: Static<typeof PageQuery>) {
  const pageSize = Math.min(asked, PAGE_SIZE_MAX);
  return {
    limit: pageSize,
    offset: (page - 1) * pageSize,
    toPageInfo: (total: number) => ({
      page,
      pageSize,
      total,
      totalPages: Math.ceil(total / pageSize),
    }),
  };
}
