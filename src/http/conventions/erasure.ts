import { type Static, Type } from '@sinclair/typebox';
import type { FastifyReply } from 'fastify';
import { ServiceError } from '../../errors.js';
import type { ErasureOutcome } from '../../repositories/retention/erasures.js';
import { withETag } from './etag.js';
import { ref } from './schemas.js';

/** How long a client should wait before it polls the status of an erasure again. */
const RETRY_AFTER_SECONDS = 5;

/** The query string of soft deletions. */
export const DeleteQuery = Type.Object({
  permanent: Type.Optional(
    Type.Boolean({
      default: false,
      description:
        'Erases the resource permanently, with everything in it, instead of a soft delete. Requires the role `owner`. If no active one has this slug, the last deleted one is erased, or the one whose `ETag` is in `If-Match`.',
    }),
  ),
});

export const Erasure = Type.Object(
  {
    status: Type.String({
      enum: ['running'],
      description: 'The erasure continues in the background',
    }),
  },
  {
    $id: 'Erasure',
    description: 'The status of a permanent deletion',
    examples: [{ status: 'running' }],
  },
);

const retryAfter = {
  'retry-after': { type: 'integer', description: 'Seconds to wait before the next request' },
};

/** The response while an erasure is running. */
export const RunningErasure = {
  ...ref(Erasure),
  description: 'The erasure is still running',
  headers: retryAfter,
};

/**
 * The responses of deletions. None has a body, because generated clients would then expect one with every
 * status.
 */
export const deleteResponses = {
  202: {
    ...Type.Unsafe<undefined>(
      Type.Null({
        description:
          'No other request finds the resource any more; its rows are erased in the background. `Location` is the URL of the status.',
      }),
    ),
    headers: {
      ...retryAfter,
      location: {
        type: 'string',
        description: 'The URL of the status, which is 404 when the erasure has ended',
      },
    },
  },
  204: withETag(Type.Null({ description: 'Deleted' })),
};

/** Responds to a request to erase. @param path the URL path of the resource */
export function sendErasure(reply: FastifyReply, { isDone }: ErasureOutcome, path: string) {
  if (isDone) return reply.code(204).send(null);
  return reply
    .code(202)
    .headers({ location: `${path}/erasure`, 'retry-after': RETRY_AFTER_SECONDS })
    .send(undefined);
}

/** Responds to a request for the status of a running erasure. */
export function sendRunning(reply: FastifyReply): Static<typeof Erasure> {
  void reply.header('retry-after', RETRY_AFTER_SECONDS);
  return { status: 'running' };
}

/**
 * @param code the code of the problem where no erasure is running
 * @throws `ServiceError`
 */
export function erasureOrNotFound(
  outcome: ErasureOutcome | null,
  code: 'namespace_not_found' | 'space_not_found',
): void {
  if (outcome) return;
  throw new ServiceError(
    code,
    'No erasure of a resource with this slug is running: it has ended, or was never requested.',
  );
}
