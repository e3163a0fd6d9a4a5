import { Type } from '@sinclair/typebox';
import { ASSET_ID_EXAMPLE } from '../../examples.js';
import { PATH_MAX_LENGTH, SEGMENT_MAX_LENGTH } from '../../path.js';
import { ContentParams } from '../contents/space.js';
import {
  BATCH_MAX,
  deletedAtProperty,
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
import { ItemPath } from '../folders/path.js';

const URI_MAX_LENGTH = 2000;
const KIND_MAX_LENGTH = 32;
const CHECKSUM_LENGTH = 71;
const CONTENT_TYPE_MAX_LENGTH = 255;

const KIND_PATTERN = '^[a-z][a-z0-9-]{0,31}$';
const CHECKSUM_PATTERN = '^sha256:[0-9a-f]{64}$';
/** RFC 9110 §8.3.1: a type, a subtype, and parameters. */
const CONTENT_TYPE_PATTERN = '^[\\w!#$&^.+-]+/[\\w!#$&^.+-]+ *(?:;[ -~]*)?$';

const example = {
  id: ASSET_ID_EXAMPLE,
  path: '/camera/front.mp4',
  name: 'front.mp4',
  kind: 'video',
  uri: 's3://recordings/run-0042/front.mp4',
  contentType: 'video/mp4',
  sizeBytes: 734003200,
  checksum: 'sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
  tags: ['front'],
  metadata: null,
  episode: 'run-0042',
  createdAt: '2026-11-23T09:30:00.000Z',
  updatedAt: '2026-11-23T09:30:00.000Z',
  version: 1,
};

export const Kind = Type.String({
  pattern: KIND_PATTERN,
  minLength: 1,
  maxLength: KIND_MAX_LENGTH,
  description:
    'The kind of asset, such as video, audio, image, text, label-track, text-track, point-cloud or file',
});

export const Checksum = Type.String({
  pattern: CHECKSUM_PATTERN,
  minLength: CHECKSUM_LENGTH,
  maxLength: CHECKSUM_LENGTH,
  description: '`sha256:` and 64 hexadecimal digits in lower case',
});

const Uri = Type.String({
  format: 'text',
  'x-asset-uri': true,
  minLength: 1,
  maxLength: URI_MAX_LENGTH,
  description: `The location of its bytes: an absolute URI (RFC 3986) with the scheme https, s3, gs, az, file or urn, without credentials, at most ${URI_MAX_LENGTH} characters`,
});

const ContentType = Type.String({
  pattern: CONTENT_TYPE_PATTERN,
  minLength: 3,
  maxLength: CONTENT_TYPE_MAX_LENGTH,
  description: 'The media type of its bytes',
});

const SizeBytes = Type.Integer({
  minimum: 0,
  maximum: Number.MAX_SAFE_INTEGER,
  description: 'Its size in bytes',
});

export const Asset = Type.Object(
  {
    id: Id,
    path: Type.String({
      // Moving a folder to a path of the maximum length makes the paths of its assets longer than that.
      maxLength: PATH_MAX_LENGTH + SEGMENT_MAX_LENGTH + 1,
      description: 'Unique in its episode, or among the assets of the space without an episode',
    }),
    name: Type.String({
      maxLength: SEGMENT_MAX_LENGTH,
      description: 'The last segment of the path',
    }),
    kind: Type.String({
      maxLength: KIND_MAX_LENGTH,
      description: 'The kind of asset, such as video',
    }),
    uri: Type.String({ maxLength: URI_MAX_LENGTH, description: 'The location of its bytes' }),
    contentType: Nullable(
      Type.String({
        maxLength: CONTENT_TYPE_MAX_LENGTH,
        description: 'The media type of its bytes',
      }),
    ),
    sizeBytes: Nullable(SizeBytes),
    checksum: Nullable(
      Type.String({ maxLength: CHECKSUM_LENGTH, description: 'The SHA-256 digest of its bytes' }),
    ),
    tags: StoredTags,
    metadata: StoredMetadata,
    episode: Nullable(
      Type.String({
        maxLength: NAME_MAX_LENGTH,
        description: 'The name of its episode; null for an asset without one',
      }),
    ),
    ...versionProperties('asset'),
    ...deletedAtProperty('asset'),
  },
  {
    $id: 'Asset',
    description: 'The record of one file. Its bytes are in an object store.',
    examples: [example],
  },
);

export const AssetList = Type.Object(
  {
    assets: Type.Array(ref(Asset), { maxItems: PAGE_SIZE_MAX, description: 'The page' }),
    ...pageProperties,
    ...nextCursorProperty,
  },
  {
    $id: 'AssetList',
    description: 'A page of the assets of a space',
    examples: [{ assets: [example], page: 1, pageSize: 50, total: 1, totalPages: 1 }],
  },
);

const fields = {
  contentType: Type.Optional(Nullable(ContentType)),
  sizeBytes: Type.Optional(Nullable(SizeBytes)),
  checksum: Type.Optional(Nullable(Checksum)),
  tags: Type.Optional(Nullable(Tags)),
  metadata: Type.Optional(Metadata),
};

export const AssetCreate = Type.Object(
  {
    path: ItemPath(
      'The path inside `episode`, or else inside the space, where missing folders are created.',
    ),
    kind: Kind,
    uri: Uri,
    ...fields,
    episode: Type.Optional(
      Nullable({
        ...Name,
        description: 'The name of an existing episode; null for an asset of the space itself',
      }),
    ),
  },
  {
    $id: 'AssetCreate',
    description: 'A new asset',
    additionalProperties: false,
    examples: [
      {
        path: '/camera/rear.mp4',
        kind: 'video',
        uri: 's3://recordings/run-0042/rear.mp4',
        contentType: 'video/mp4',
        sizeBytes: 681574400,
        episode: 'run-0042',
      },
    ],
  },
);

export const AssetBatch = Type.Object(
  {
    assets: Type.Array(ref(AssetCreate), {
      minItems: 1,
      maxItems: BATCH_MAX,
      description: `The assets, at most ${BATCH_MAX}`,
    }),
  },
  {
    $id: 'AssetBatch',
    description: 'Assets to create together',
    additionalProperties: false,
    examples: [
      {
        assets: [
          {
            path: '/lidar/top.pcd',
            kind: 'point-cloud',
            uri: 's3://recordings/run-0042/top.pcd',
            episode: 'run-0042',
          },
          {
            path: '/labels/calibration.json',
            kind: 'file',
            uri: 'https://example.com/labels.json',
          },
        ],
      },
    ],
  },
);

export const AssetBatchResult = Type.Object(
  {
    assets: Type.Array(ref(Asset), {
      maxItems: BATCH_MAX,
      description: 'The assets, in the order of the request',
    }),
  },
  {
    $id: 'AssetBatchResult',
    description: 'The created assets',
    examples: [{ assets: [example] }],
  },
);

export const AssetUpdate = Type.Object(
  {
    path: Type.Optional(
      ItemPath('A new path, which moves the asset inside its episode, or inside the space.'),
    ),
    kind: Type.Optional(Kind),
    uri: Type.Optional(Uri),
    ...fields,
  },
  {
    $id: 'AssetUpdate',
    description:
      'The fields of an asset to change; null clears contentType, sizeBytes, checksum, tags and metadata',
    additionalProperties: false,
    examples: [{ tags: ['front', 'reviewed'] }],
  },
);

export const AssetParams = ContentParams({
  assetId: Type.String({ description: 'The id of the asset', examples: [example.id] }),
});

export const assetSchemas = [
  Asset,
  AssetList,
  AssetCreate,
  AssetBatch,
  AssetBatchResult,
  AssetUpdate,
];
