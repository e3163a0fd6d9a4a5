import fp from 'fastify-plugin';
import { ServiceError } from '../../errors.js';

const ABSOLUTE_FORM = /^https?:\/\/[^/?]*/i;

/**
 * The option `rewriteUrl` of Fastify: removes the scheme and host of an absolute-form target (RFC 9112 §3.2.2).
 * The caller chose them, so they must not get into links or the log.
 */
export function rewriteTarget({ url = '/' }: { url?: string | undefined }): string {
  const path = url.replace(ABSOLUTE_FORM, '');
  return path.startsWith('/') || path === '*' ? path : `/${path}`;
}

/** @returns whether a query string is valid percent-encoding of UTF-8 */
function isDecodable(query: string): boolean {
  if (!query.includes('%')) return true;
  try {
    decodeURIComponent(query);
    return true;
  } catch {
    return false;
  }
}

/** Rejects a query string that cannot be decoded, and a fragment, which is not allowed (RFC 9112 §3.2). */
export const requestTargetPlugin = fp(
  (app, _options, done) => {
    app.addHook('onRequest', ({ method, url }, _reply, next) => {
      const begin = url.indexOf('?');
      if (url === '*' && method !== 'OPTIONS') {
        next(
          malformed(
            'The request target * is only valid for OPTIONS (RFC 9112 §3.2.4). Send a path.',
          ),
        );
      } else if (url.includes('#')) {
        next(
          malformed('The request target contains a fragment. Remove # and everything after it.'),
        );
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
