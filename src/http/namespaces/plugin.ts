import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from '@sinclair/typebox';
import type { FastifyReply } from 'fastify';
import { ServiceError } from '../../errors.js';
import type {
  CountedNamespace,
  NamespacesRepository,
} from '../../repositories/namespaces/index.js';
import { permitted } from '../auth/require-role.js';
import { walker } from '../conventions/cursor-page.js';
import type { Place } from '../conventions/cursor.js';
import {
  etagOf,
  expectedNamespaceVersions,
  isNotModified,
  namespaceEtag,
  NotModified,
  ReadConditions,
  tagged,
  WriteConditions,
} from '../conventions/etag.js';
import {
  created,
  IdempotencyHeader,
  idempotencyKey,
  markReplayed,
  repeatable,
  RestoreHeaders,
} from '../conventions/idempotency-key.js';
import { pageOf, renderPage, sendPage } from '../conventions/list-page.js';
import { NamespaceParams, PageQuery, paging, ref, Restore } from '../conventions/schemas.js';
import { Moved } from '../errors/redirect.js';
import { metadataMerge, PATCH_TYPES } from '../server/json-body.js';
import {
  Namespace,
  NamespaceCreate,
  NamespaceList,
  NamespaceListItem,
  NamespaceUpdate,
} from './schema.js';

const path = '/namespaces/:slug';
const tags = ['namespaces'];

/** The operations on namespaces themselves. */
export const namespacesPlugin: FastifyPluginCallbackTypebox<{
  namespaces: NamespacesRepository;
  /** what cursors are sealed with */
  cursorKey: () => Promise<Buffer>;
}> = (app, { namespaces, cursorKey }, done) => {
  const walk = walker(cursorKey);
  for (const schema of [
    NamespaceListItem,
    NamespaceList,
    Namespace,
    NamespaceCreate,
    NamespaceUpdate,
  ]) {
    app.addSchema(schema);
  }

  app.get(
    '/namespaces',
    {
      config: { scope: 'namespaces:read', role: null },
      schema: {
        operationId: 'listNamespaces',
        summary: 'List the namespaces you are a member of',
        description: 'Oldest first.',
        tags,
        querystring: PageQuery,
        headers: ReadConditions,
        response: { 200: pageOf(ref(NamespaceList)), 304: NotModified },
      },
    },
    async (request, reply) => {
      const { user, query } = request;
      if (query.cursor !== undefined) {
        const read = (limit: number, after: Place | null) => namespaces.walk(user, limit, after);
        const list = 'namespaces';
        const { items, page } = await walk({ list, query, cursor: query.cursor, read });
        return reply.send({ namespaces: items, ...page });
      }
      const { limit, offset, describe } = paging(query);
      const page = await namespaces.list(request.user, { limit, offset }, (items, total) =>
        renderPage(reply, { namespaces: items, ...describe(total) }),
      );
      return sendPage(request, reply, page, describe);
    },
  );

  app.post(
    '/namespaces',
    {
      config: {
        scope: 'namespaces:write',
        role: null,
        problems: ['namespace_not_found', 'quota_exceeded', 'slug_conflict'],
      },
      schema: {
        operationId: 'createNamespace',
        summary: 'Create a namespace',
        description: 'You become its first owner.',
        tags,
        headers: IdempotencyHeader,
        body: ref(NamespaceCreate),
        response: { 201: created(ref(Namespace)) },
      },
    },
    async (request, reply) => {
      const { slug, name, metadata } = request.body;
      const namespace = await namespaces.create(
        request.user,
        { slug, name: name ?? null, metadata: metadata ?? null },
        idempotencyKey(request.headers['idempotency-key'], request.body),
      );
      markReplayed(reply, namespace);
      void reply.code(201).header('location', `/namespaces/${slug}`);
      return answer(reply, namespace);
    },
  );

  app.get(
    path,
    {
      config: {
        scope: 'namespaces:read',
        role: 'viewer',
      },
      schema: {
        operationId: 'getNamespace',
        summary: 'Get a namespace',
        tags,
        params: NamespaceParams,
        headers: ReadConditions,
        response: { 200: tagged(ref(Namespace)), 304: NotModified, 308: Moved },
      },
    },
    async (request, reply) => {
      const { user, params, headers } = request;
      const namespace = found(permitted(await namespaces.find(user, params.slug), 'viewer'));
      if (isNotModified(headers, namespaceEtag(namespace))) {
        return reply.code(304).header('etag', namespaceEtag(namespace)).send(undefined);
      }
      return answer(reply, namespace);
    },
  );

  app.patch(
    path,
    {
      config: {
        scope: 'namespaces:write',
        role: 'owner',
        problems: ['slug_conflict'],
      },
      schema: {
        operationId: 'updateNamespace',
        summary: 'Update a namespace',
        description:
          'Only provided fields are updated. `metadata` is replaced whole under `application/json` and merged (RFC 7396) under `application/merge-patch+json`.',
        tags,
        consumes: PATCH_TYPES,
        params: NamespaceParams,
        headers: WriteConditions,
        body: ref(NamespaceUpdate),
        response: { 200: tagged(ref(Namespace)) },
      },
    },
    async (request, reply) => {
      const { slug } = request.params;
      const changes = request.body;
      const expected = expectedNamespaceVersions(request.headers);
      const merge = metadataMerge(request, changes.metadata);
      const outcome = merge
        ? await namespaces.merge(request.user, slug, changes, merge, expected)
        : await namespaces.update(request.user, slug, changes, expected);
      return answer(reply, found(permitted(outcome, 'owner')));
    },
  );

  app.delete(
    path,
    {
      config: {
        scope: 'namespaces:write',
        role: 'owner',
      },
      schema: {
        operationId: 'deleteNamespace',
        summary: 'Delete a namespace',
        description:
          'Its spaces go with it, and come back with it when it is restored. Its slug is held back for its owners for a while (`NAMESPACE_SLUG_HOLD_DAYS`).',
        tags,
        params: NamespaceParams,
        headers: WriteConditions,
        response: { 204: tagged(Type.Null({ description: 'Deleted' })) },
      },
    },
    async (request, reply) => {
      const { user, params, headers } = request;
      const expected = expectedNamespaceVersions(headers);
      const deleted = found(
        permitted(await namespaces.remove(user, params.slug, expected), 'owner'),
      );
      return reply.code(204).header('etag', etagOf(deleted)).send(null);
    },
  );

  app.post(
    `${path}/restore`,
    {
      config: {
        scope: 'namespaces:write',
        role: 'owner',
        problems: ['quota_exceeded', 'slug_conflict'],
      },
      schema: {
        operationId: 'restoreNamespace',
        summary: 'Restore a deleted namespace',
        description:
          'Brings back the last deleted of your namespaces that had this slug, under another one with `slug`. A namespace that is not deleted stays as it is.',
        tags,
        params: NamespaceParams,
        headers: RestoreHeaders,
        body: ref(Restore),
        response: { 200: repeatable(ref(Namespace)) },
      },
    },
    async (request, reply) => {
      const { user, params, headers } = request;
      const body = request.body ?? null;
      const outcome = await namespaces.restore(
        user,
        params.slug,
        body?.slug ?? null,
        expectedNamespaceVersions(headers),
        idempotencyKey(headers['idempotency-key'], body),
      );
      const namespace = found(permitted(outcome, 'owner'));
      markReplayed(reply, namespace);
      return answer(reply, namespace);
    },
  );

  done();
};

function answer(reply: FastifyReply, namespace: CountedNamespace): Static<typeof Namespace> {
  void reply.header('etag', namespaceEtag(namespace));
  const { createdAt, updatedAt, ...rest } = namespace;
  return { ...rest, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}

/** @throws `ServiceError` `namespace_not_found`: it went away between two statements */
function found<Value>(value: Value | null): Value {
  if (value !== null) return value;
  throw new ServiceError(
    'namespace_not_found',
    'The namespace has just been deleted or renamed. GET /namespaces lists yours.',
  );
}
