import fp from 'fastify-plugin';
import { ServiceError } from '../../errors.js';
import { PROBLEM_TYPE } from '../errors/problem.js';

const QUOTED = /"(?:\\.|[^"\\])*"?/g;

/**
 * Parses a header such as `Accept` (RFC 9110 §12.4.2). Not by `negotiator`, for which `application/json;
 * charset=utf-8`, which clients send, does not match `application/json`.
 *
 * @returns its names, in lower case and without parameters, with the weight of each; 0 means not acceptable
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

/** The media ranges that match JSON; the most specific one in the header decides. */
const RANGES = ['application/json', 'application/*', '*/*'];

/**
 * @param accept the header `Accept`
 * @returns whether a JSON response is acceptable, which `application/problem+json` alone counts as
 */
export function acceptsJson(accept: string | undefined): boolean {
  // Fast path for the usual headers.
  if (accept === undefined || accept === '*/*' || accept === 'application/json') return true;
  const found = weights(accept);
  const range = RANGES.find((name) => found.has(name)) ?? PROBLEM_TYPE;
  return found.size === 0 || (found.get(range) ?? 0) > 0 || (found.get(PROBLEM_TYPE) ?? 0) > 0;
}

/**
 * Rejects requests whose `Accept` excludes JSON, after authentication and before the body is read. Routes
 * outside of the operations, such as `/metrics`, ignore the header (RFC 9110 §12.4.1).
 */
export const acceptPlugin = fp(
  (app, _options, done) => {
    app.addHook('preParsing', (request, _reply, payload, next) => {
      if (acceptsJson(request.headers.accept)) next(null, payload);
      else next(notAcceptable());
    });
    done();
  },
  { name: 'accept', dependencies: ['auth'] },
);

function notAcceptable(): ServiceError {
  return new ServiceError(
    'not_acceptable',
    'The header Accept excludes JSON, the only media type of the API. Send Accept: application/json, or omit the header.',
  );
}
