import { type Static, type TSchema, Type } from '@sinclair/typebox';
import type { FastifyReply } from 'fastify';
import { type Conditions, isNotModified, withETag } from '../conventions/etag.js';
import { JSON_TYPE } from '../conventions/list-page.js';

/** Declares the response with an item that PostgreSQL renders as JSON, with its `ETag`. */
export function itemOf<Schema extends TSchema>(schema: Schema, headers: object = {}) {
  return withETag(Type.Unsafe<Static<Schema> | Buffer>(schema), headers);
}

/** Sends an item as PostgreSQL rendered it, with its `ETag`. */
export function sendItem(reply: FastifyReply, { tag, item }: { tag: string; item: string }) {
  return reply.header('etag', `"${tag}"`).type(JSON_TYPE).send(Buffer.from(item));
}

/** As `sendItem`, or 304 where the caller has the current version (RFC 9110 §13.1.2). */
export function sendItemUnlessKnown(
  reply: FastifyReply,
  conditions: Conditions,
  item: { tag: string; item: string },
) {
  void reply.header('etag', `"${item.tag}"`);
  if (isNotModified(conditions, `"${item.tag}"`)) return reply.code(304).send();
  return sendItem(reply, item);
}
