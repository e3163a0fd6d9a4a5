import fp from 'fastify-plugin';
import { ServiceError } from '../../errors.js';
import { PROBLEM_TYPE } from '../errors/problem.js';

const QUOTED = /"(?:\\.|[^"\\])*"?/g;

/**
 * Reads a header such as `Accept` (RFC 9110 §12.4.2). Ours, because `negotiator` takes `application/json;
 * charset=utf-8`, which clients send, for another media type than `application/json`.
 *
 * @returns its names, in lower case and without parameters, with the weight of each: 0 rejects
 */
export function weights(header: string): Map<string, number> {
  const found = new Map<string, number>();
  for (const item of header.replaceAll(QUOTED, '').toLowerCase().split(',')) {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim());
    const weight = Number(parameters.find((part) => part.startsWith('q='))?.slice(2) ?? 1) || 0;
    if (name !== '') found.set(name, Math.max(weight, found.get(name) ?? 0));
  }
  return found;
}

/** The most specific that a header names decides. */
const RANGES = ['application/json', 'application/*', '*/*'];

/**
 * @param accept the header
 * @returns whether a JSON response is acceptable; a client that names only problems gets them in JSON
 */
export function acceptsJson(accept: string | undefined): boolean {
  // The usual headers are not parsed.
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return true;
  const found = weights(accept);
  const range = RANGES.find((name) => found.has(name)) ?? PROBLEM_TYPE;
  return found.size === 0 || (found.get(range) ?? 0) > 0 || (found.get(PROBLEM_TYPE) ?? 0) > 0;
}

/**
 * Rejects requests for other media types than those of the operations, after authentication and before the
 * body is read. A response with a single form, such as `/metrics`, is served whatever the header (RFC 9110
 * §12.4.1).
 */
export const acceptPlugin = fp(
  (app, _options, done) => {
    app.addHook('preParsing', (request, _reply, payload, next) => {
      if (acceptsJson(request.headers.accept)) next(null, payload);
      else next(notAcceptable());
    });
    done();
  },
  { name: 'negotiation', dependencies: ['auth'] },
);

function notAcceptable(): ServiceError {
  return new ServiceError(
    'not_acceptable',
    'Every answer is JSON. Send Accept: application/json, or no Accept at all.',
  );
}
