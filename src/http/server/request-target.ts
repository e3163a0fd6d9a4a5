import fp from 'fastify-plugin';
import { ServiceError } from '../../errors.js';

const ABSOLUTE_FORM = /^https?:\/\/[^/?]*/i;

/**
 * The option `rewriteUrl` of Fastify. Of an absolute-form target (RFC 9112 §3.2.2) the path and query count: its
 * host is the caller's word, and must not get into links or the log.
 */
export function rewriteTarget({ url = '/' }: { url?: string | undefined }): string {
  const path = url.replace(ABSOLUTE_FORM, '');
  return path.startsWith('/') || path === '*' ? path : `/${path}`;
}

/** @returns whether the escapes of a query string are complete, and its bytes UTF-8 */
function isDecodable(query: string): boolean {
  if (!query.includes('%')) return true;
  try {
    decodeURIComponent(query);
    return true;
  } catch {
    return false;
  }
}

/** Rejects a query string that cannot be decoded, and a fragment, which no client sends (RFC 9112 §3.2). */
export const requestTargetPlugin = fp(
  (app, _options, done) => {
    app.addHook('onRequest', ({ method, url }, _reply, next) => {
      const begin = url.indexOf('?');
      if (url === '*' && method !== 'OPTIONS') {
        next(malformed('The target * is for OPTIONS alone (RFC 9112 §3.2.4). Send a path.'));
      } else if (url.includes('#')) {
        next(malformed('The request target holds a fragment. Leave out # and what follows it.'));
      } else if (begin !== -1 && !isDecodable(url.slice(begin))) {
        next(malformed('The query string is not validly encoded. Send UTF-8 in percent-encoding.'));
      } else {
        next();
      }
    });
    done();
  },
  { name: 'request-target', dependencies: ['problem'] },
);

function malformed(detail: string): ServiceError {
  return new ServiceError('malformed_request', detail);
}
