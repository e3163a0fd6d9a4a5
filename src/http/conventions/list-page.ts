import { type Static, type TSchema, Type } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SKIPPED_MAX } from '../../repositories/lists/numbered-pages.js';
import type { CachedPage } from '../../repositories/lists/page-cache.js';
import { VERSION } from '../../version.js';
import { isNotModified } from './etag.js';
import { linkHeader, setLinkHeader } from './pagination.js';

/** Declares a numbered page of a list: a body that is finished already, with `ETag` and `Link`. */
export function pageOf<Schema extends TSchema>(schema: Schema) {
  const etag = {
    type: 'string',
    description:
      'Changes with everything that the list shows: a weak validator for `If-None-Match`, only with numbered pages',
  };
  return Type.Unsafe<Static<Schema> | Buffer>({ ...schema, headers: { etag, ...linkHeader } });
}

/**
 * Sends a numbered page, or 304 without a body where the caller has it (RFC 9110 §13.1.2). The tag is of the
 * list's revision and of the version of the service, which renders the body.
 *
 * @param describe gives the numbers of the pages for a total
 * @param skippedMax how many items come before a page that is answered
 */
export function sendPage(
  request: Pick<FastifyRequest, 'url' | 'headers'>,
  reply: FastifyReply,
  { revision, total, body }: CachedPage,
  describe: (total: number) => { page: number; pageSize: number; totalPages: number },
  skippedMax = SKIPPED_MAX,
) {
  setLinkHeader(request, reply, describe(total), skippedMax);
  const tag = `W/"${VERSION}-${revision}"`;
  void reply.header('etag', tag);
  if (isNotModified(request.headers, tag)) return reply.code(304).send();
  return reply.type('application/json; charset=utf-8').send(body);
}

/** @returns the body of a page, made by the serializer of the route's 200 */
export function renderPage(reply: FastifyReply, page: Record<string, unknown>): Buffer {
  return Buffer.from(String(reply.serializeInput(page, '200')));
}

/** @returns the list, which exists for every caller that may read its container */
export function present<Value>(list: Value | null): Value {
  if (list === null) throw new Error('A list is never null');
  return list;
}
