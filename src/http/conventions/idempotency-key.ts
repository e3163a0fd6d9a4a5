import { createHash } from 'node:crypto';
import { type TSchema, Type } from '@sinclair/typebox';
import type { FastifyReply } from 'fastify';
import type { IdempotencyKey } from '../../repositories/idempotency.js';
import { withETag, WriteConditions } from './etag.js';

const KEY_MAX_LENGTH = 255;
export const KEY_PATTERN = '^[!-~]*$';

/** Of every POST: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/ */
export const IdempotencyHeader = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: KEY_MAX_LENGTH,
      pattern: KEY_PATTERN,
      description:
        'Makes the request safe to repeat: for 24 hours one with the same key and body is answered the same, without being carried out again. A UUID, for example.',
    }),
  ),
});

export const RestoreHeaders = Type.Object({
  ...WriteConditions.properties,
  ...IdempotencyHeader.properties,
});

/** Declares the header of an answer that may be one that was given before. */
export const replayedHeader = {
  'idempotent-replayed': {
    type: 'string',
    enum: ['true'],
    description: '`true` when an earlier request with the same `Idempotency-Key` had this answer',
  },
};

/** Declares that an answer carries an `ETag` and may be one that was given before. */
export function withIdempotencyReplay<Schema extends TSchema>(
  schema: Schema,
  others: object = {},
): Schema {
  return withETag(schema, { ...others, ...replayedHeader });
}

/**
 * @param key the header, valid by its schema
 * @param body the validated body that the operation uses; null for none. The order of its members and white
 *   space make no difference.
 */
export function idempotencyKey(
  key: string | undefined,
  body: object | null,
): IdempotencyKey | null {
  if (key === undefined) return null;
  const canonical = JSON.stringify(body, (_name, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
      : value,
  );
  return { key, fingerprint: createHash('sha256').update(canonical).digest('base64url') };
}

/** Declares the header with the path of the created resource. */
export const locationHeader = {
  location: { type: 'string', description: 'The path of what was created' },
};

/** Declares the response of a create: as `withIdempotencyReplay`, with `Location`. */
export function createdResponse<Schema extends TSchema>(schema: Schema): Schema {
  return withIdempotencyReplay(schema, locationHeader);
}

/** Says so when the answer is one that was given before. */
export function markReplayed(reply: FastifyReply, { replayed }: { replayed: boolean }): void {
  if (replayed) void reply.header('idempotent-replayed', 'true');
}
