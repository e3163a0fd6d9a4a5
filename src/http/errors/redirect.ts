import { Type } from '@sinclair/typebox';
import type { FastifyRequest } from 'fastify';
import type { ProblemCode, ServiceError } from '../../errors.js';
import { parameter } from '../observability/log-fields.js';

/** The response to a read by a former slug. It has no body. */
export const PermanentRedirect = {
  ...Type.Unsafe<undefined>(
    Type.Null({
      description:
        'The namespace or the space was renamed. If both were, the new URL redirects again.',
    }),
  ),
  headers: {
    location: {
      type: 'string',
      description:
        'The path and query with the current slug; valid until another resource takes the former one',
    },
  },
};

/** The parameter of the path that holds the slug of the missing resource. */
const slugParameters: Partial<Record<ProblemCode, string>> = {
  namespace_not_found: 'slug',
  space_not_found: 'projectSlug',
};

const READS = new Set(['GET', 'HEAD']);

/**
 * @param failure the error of the request
 * @returns the path and query with the current slug; null if there is none, or the request is a write, which a
 *   client must not repeat at another URL by itself
 */
export function currentAddress(
  request: FastifyRequest,
  { code, options: { currentSlug } }: ServiceError,
): string | null {
  const { method, url, routeOptions } = request;
  if (currentSlug === undefined || !READS.has(method)) return null;
  const renamed = slugParameters[code];
  const path = (routeOptions.url ?? '').replace(/:(\w+)/g, (_segment, name: string) =>
    encodeURIComponent(name === renamed ? currentSlug : String(parameter(request, name))),
  );
  return path + (/\?.*/s.exec(url)?.[0] ?? '');
}
