import { brotliCompress, constants, gzip } from 'node:zlib';
import fp from 'fastify-plugin';
import { weights } from '../conventions/accept.js';

/** A smaller response fits into one packet uncompressed. */
const THRESHOLD_BYTES = 1024;

type Done = (error: Error | null, compressed: Buffer) => void;

/** The content codings in the order of preference; `identity` is uncompressed. */
const codings = {
  // The default quality, 11, takes about a hundred times as long.
  br: (body: string | Buffer, done: Done) => {
    brotliCompress(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } }, done);
  },
  gzip,
  identity: null,
};

/**
 * Compresses large responses for clients that accept it, off the main thread. Streams, which are the files of
 * Swagger UI, are not compressed. Not by `@fastify/compress`, which decides per route: here it depends on the
 * ETag of each response.
 *
 * BREACH requires a secret in the response and credentials that a browser sends automatically: no response
 * contains a token, and tokens are not cookies.
 */
export const compressionPlugin = fp(
  (app, _options, done) => {
    app.addHook('onSend', (request, reply, payload, next) => {
      // A strong ETag names the bytes of a representation (RFC 9110 §8.8.3.3), and If-Match needs one.
      const isStrong = /^"/.test(String(reply.getHeader('etag')));
      // A 304 has the same Vary as the corresponding 200 (RFC 9110 §15.4.5).
      if (isStrong || !(isLarge(payload) || reply.statusCode === 304)) {
        next(null, payload);
        return;
      }
      const others = reply.getHeader('vary');
      void reply.header(
        'vary',
        others === undefined ? 'accept-encoding' : `${String(others)}, accept-encoding`,
      );
      const coding = chooseCoding(request.headers['accept-encoding']);
      const compress = codings[coding];
      if (!compress || !isLarge(payload)) {
        next(null, payload);
        return;
      }
      void reply.header('content-encoding', coding);
      compress(payload, next);
    });
    done();
  },
  { name: 'compression' },
);

function isLarge(payload: unknown): payload is string | Buffer {
  return (
    (typeof payload === 'string' || Buffer.isBuffer(payload)) &&
    Buffer.byteLength(payload) >= THRESHOLD_BYTES
  );
}

/** @returns the coding with the greatest weight */
function chooseCoding(header = ''): keyof typeof codings {
  const found = weights(header);
  let [chosen, greatest]: [keyof typeof codings, number] = ['identity', 0];
  for (const name of ['br', 'gzip', 'identity'] as const) {
    const weight = found.get(name) ?? found.get('*') ?? 0;
    if (weight > greatest) [chosen, greatest] = [name, weight];
  }
  return chosen;
}
