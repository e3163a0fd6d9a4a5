import type { Static } from '@sinclair/typebox';
import type { FastifyReply } from 'fastify';
import { ServiceError } from '../../errors.js';
import type { CountedNamespace } from '../../repositories/namespaces/columns.js';
import type { NamespacesRepository } from '../../repositories/namespaces/index.js';
import { namespaceEtag } from '../conventions/etag.js';
import type { AddRoute } from '../resource.js';
import type { Namespace } from './schema.js';

/** Adds an operation on namespaces. */
export type AddNamespaceRoute = AddRoute<NamespacesRepository>;

/** Sets the `ETag` of a namespace. @returns its representation */
export function sendNamespace(
  reply: FastifyReply,
  namespace: CountedNamespace,
): Static<typeof Namespace> {
  void reply.header('etag', namespaceEtag(namespace));
  const { createdAt, updatedAt, ...rest } = namespace;
  return { ...rest, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}

/**
 * @throws `ServiceError` `namespace_not_found` where the namespace was deleted or renamed between two
 *   statements
 */
export function namespaceOrNotFound<Value>(value: Value | null): Value {
  if (value !== null) return value;
  throw new ServiceError(
    'namespace_not_found',
    'The namespace has just been deleted or renamed. GET /namespaces lists yours.',
  );
}
