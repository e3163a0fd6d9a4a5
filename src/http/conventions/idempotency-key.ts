import { createHash } from 'node:crypto';
import { type TSchema, Type } from '@sinclair/typebox';
import type { FastifyReply } from 'fastify';
import type { IdempotencyKey } from '../../repositories/idempotency.js';
import { withETag, WriteConditions } from './etag.js';

const KEY_MAX_LENGTH = 255;
export const KEY_PATTERN = '^[!-~]*$';

/** The header of every POST: https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/ */
export const IdempotencyHeader = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: KEY_MAX_LENGTH,
      pattern: KEY_PATTERN,
      description:
        'Makes the request safe to retry: for 24 hours a request with the same key and body gets the same response and has no second effect. For example a UUID.',
    }),
  ),
});

export const RestoreHeaders = Type.Object({
  ...WriteConditions.properties,
  ...IdempotencyHeader.properties,
});

/** Declares the header of a response that may be a saved one. */
export const replayedHeader = {
  'idempotent-replayed': {
    type: 'string',
    enum: ['true'],
    description:
      '`true` when this is the saved response to an earlier request with the same `Idempotency-Key`',
  },
};

/** Declares that a response has an `ETag` and may be a saved one. */
export function withIdempotencyReplay<Schema extends TSchema>(
  schema: Schema,
  others: object = {},
): Schema {
  return withETag(schema, { ...others, ...replayedHeader });
}

/**
 * @param key the header, validated by its schema
 * @param body the validated body, null for none; the order of its members and white space make no difference
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
  location: { type: 'string', description: 'The path of the created resource' },
};

/** Declares the response to a create: as `withIdempotencyReplay`, with `Location`. */
export function createdResponse<Schema extends TSchema>(schema: Schema): Schema {
  return withIdempotencyReplay(schema, locationHeader);
}

/** Sets the header `Idempotent-Replayed` where the response is a saved one. */
export function markReplayed(reply: FastifyReply, { replayed }: { replayed: boolean }): void {
  if (replayed) void reply.header('idempotent-replayed', 'true');
}
