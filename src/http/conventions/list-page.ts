import { type Static, type TSchema, Type } from '@sinclair/typebox';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { SKIPPED_MAX } from '../../repositories/lists/numbered-pages.js';
import type { CachedPage } from '../../repositories/lists/page-cache.js';
import { VERSION } from '../../version.js';
import { isNotModified } from './etag.js';
import { linkHeader, setLinkHeader } from './pagination.js';

/** The content type of a body that PostgreSQL has rendered. */
export const JSON_TYPE = 'application/json; charset=utf-8';

/** Declares a numbered page of a list: a rendered body, with `ETag` and `Link`. */
export function pageOf<Schema extends TSchema>(schema: Schema) {
  const etag = {
    type: 'string',
    description:
      'A weak validator for `If-None-Match` that changes with everything the list shows; only on numbered pages',
  };
  return Type.Unsafe<Static<Schema> | Buffer>({ ...schema, headers: { etag, ...linkHeader } });
}

/**
 * Sends a numbered page, or 304 where the caller has it (RFC 9110 §13.1.2). The tag consists of the version of
 * the service, which renders the body, and the revision of the list.
 *
 * @param toPageInfo returns the page numbers for a total
 * @param skippedMax the highest offset of a page that is served
 */
export function sendPage(
  request: Pick<FastifyRequest, 'url' | 'headers'>,
  reply: FastifyReply,
  { revision, total, body }: CachedPage,
  toPageInfo: (total: number) => { page: number; pageSize: number; totalPages: number },
  skippedMax = SKIPPED_MAX,
) {
  setLinkHeader(request, reply, toPageInfo(total), skippedMax);
  const tag = `W/"${VERSION}-${revision}"`;
  void reply.header('etag', tag);
  if (isNotModified(request.headers, tag)) return reply.code(304).send();
  return reply.type(JSON_TYPE).send(body);
}

/** @returns the body of a page, serialized by the schema of the route's 200 */
export function renderPage(reply: FastifyReply, page: Record<string, unknown>): Buffer {
  return Buffer.from(String(reply.serializeInput(page, '200')));
}

/**
 * The items stay JSON text, because parsing and serializing them again would double the cost of a list.
 *
 * @param key the key of the items in the response
 * @param items as JSON, joined by commas
 */
export function renderItems(key: string, items: string, page: object): Buffer {
  return Buffer.from(`{"${key}":[${items}],${JSON.stringify(page).slice(1)}`);
}

/** @returns the list; a list exists for every caller who may read its container */
export function present<Value>(list: Value | null): Value {
  if (list === null) throw new Error('A list is never null');
  return list;
}
