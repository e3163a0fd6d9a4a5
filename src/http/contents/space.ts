import { type Static, type TProperties, Type } from '@sinclair/typebox';
import type { FastifyRequest, preValidationHookHandler } from 'fastify';
import { NIL } from 'uuid';
import { ServiceError } from '../../errors.js';
import { renamed } from '../../repositories/access/namespace-resolver.js';
import type { ContentCaller, ContentResult } from '../../repositories/contents/operations.js';
import { requireRole, type Routed } from '../auth/require-role.js';
import { invalid } from '../errors/problem.js';
import { SpaceParams } from '../spaces/schema.js';

/** Declares the path parameters of an operation in a space. */
export function ContentParams<Properties extends TProperties>(properties: Properties) {
  return Type.Object({ ...SpaceParams.properties, ...properties });
}

/** @returns the caller and the space of a request */
export function callerOf({
  user,
  params,
}: Pick<FastifyRequest, 'user'> & { params: Static<typeof SpaceParams> }): ContentCaller {
  return { principal: user, path: { namespace: params.slug, space: params.projectSlug } };
}

/** @returns the URL path of the space, with the noun that the API document shows */
export function spacePath({ slug, projectSlug }: Static<typeof SpaceParams>): string {
  return `/namespaces/${slug}/projects/${projectSlug}`;
}

/**
 * Reads the result of an operation in a space.
 *
 * @returns the value, null when it was not found
 * @throws `ServiceError` `namespace_not_found` for a caller who is not a member, `insufficient_role` for a
 *   member, `space_not_found`; `Failure` `renamed` when the space has another slug now
 */
export function requireSpace<Value>(request: Routed, outcome: ContentResult<Value>): Value | null {
  const value = requireRole(request, outcome);
  if (!outcome || outcome.isSpace) return value;
  if (outcome.currentSlug !== null) throw renamed('space', outcome.currentSlug);
  throw spaceNotFound();
}

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** @returns the id of a path parameter; the nil UUID, which no row has, if it is not a UUID */
export function possibleId(id: string): string {
  return UUID.test(id) ? id : NIL;
}

/** @returns the problem of a path whose space does not exist */
export function spaceNotFound(): ServiceError {
  return new ServiceError(
    'space_not_found',
    'The namespace has no space with this slug. List its spaces, or restore a deleted one.',
  );
}

/**
 * Rejects `permanent=true` on a deletion of contents: unlike other unknown parameters it must not be ignored, because the
 * caller would take a soft delete for an erasure.
 */
export const rejectPermanent: preValidationHookHandler = ({ query }, _reply, next) => {
  const isSoft =
    typeof query !== 'object' ||
    query === null ||
    !('permanent' in query) ||
    query.permanent === 'false';
  if (isSoft) {
    next();
    return;
  }
  const message =
    'is not supported: contents of a space cannot be erased by request; deleted episodes and assets are erased after RETENTION_DAYS';
  next(invalid('query string', [{ path: '/permanent', code: 'not_supported', message }]));
};
