import { type Static, Type } from '@sinclair/typebox';
import type { FastifyReply } from 'fastify';
import { ServiceError } from '../../errors.js';
import type { ErasureOutcome } from '../../repositories/retention/erasures.js';
import { withETag } from './etag.js';
import { ref } from './schemas.js';

/** When a client asks again how an erasure stands, in seconds. */
const RETRY_AFTER_SECONDS = 5;

/** The query of operations that delete what can be restored. */
export const DeleteQuery = Type.Object({
  permanent: Type.Optional(
    Type.Boolean({
      default: false,
      description:
        'Erases it for good, with everything in it, instead of keeping it for a restore. Takes the role `owner`. Where none of this slug is active, it erases the last that was deleted, or with `If-Match` the very one.',
    }),
  ),
});

export const Erasure = Type.Object(
  {
    status: Type.String({ enum: ['running'], description: 'It goes on in the background.' }),
  },
  {
    $id: 'Erasure',
    description: 'The permanent deletion of something large',
    examples: [{ status: 'running' }],
  },
);

const retryAfter = {
  'retry-after': { type: 'integer', description: 'In how many seconds to ask again' },
};

/** The response to a question about an erasure that goes on. */
export const RunningErasure = {
  ...ref(Erasure),
  description: 'It goes on.',
  headers: retryAfter,
};

/** The responses of operations that delete. None has a body, which generated clients would then expect of all. */
export const deleteResponses = {
  202: {
    ...Type.Unsafe<undefined>(
      Type.Null({
        description:
          'It is gone for every other request; its rows are erased in the background. `Location` tells how that stands.',
      }),
    ),
    headers: {
      ...retryAfter,
      location: { type: 'string', description: 'Where the erasure is, 404 when it has ended' },
    },
  },
  204: withETag(Type.Null({ description: 'Deleted' })),
};

/** Answers a request to erase. @param path of what is erased, as the document has it */
export function sendErasure(reply: FastifyReply, { isDone }: ErasureOutcome, path: string) {
  if (isDone) return reply.code(204).send(null);
  return reply
    .code(202)
    .headers({ location: `${path}/erasure`, 'retry-after': RETRY_AFTER_SECONDS })
    .send(undefined);
}

/** Answers a question about an erasure that goes on. */
export function sendRunning(reply: FastifyReply): Static<typeof Erasure> {
  void reply.header('retry-after', RETRY_AFTER_SECONDS);
  return { status: 'running' };
}

/**
 * @param code of the problem where there is no erasure
 * @throws `ServiceError`
 */
export function erasureOrNotFound(
  outcome: ErasureOutcome | null,
  code: 'namespace_not_found' | 'space_not_found',
): void {
  if (outcome) return;
  throw new ServiceError(
    code,
    'Nothing that had this slug is being erased: the erasure has ended, or never began.',
  );
}
