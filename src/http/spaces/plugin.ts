import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from '@sinclair/typebox';
import { renamed } from '../../repositories/access/namespace-resolver.js';
import { type Principal } from '../../repositories/access/principal.js';
import { SKIPPED_MAX } from '../../repositories/lists/numbered-pages.js';
import { isBounded } from '../../repositories/lists/selection.js';
import type { SpacesRepository } from '../../repositories/spaces/index.js';
import type { SpacePage } from '../../repositories/spaces/list.js';
import { permitted } from '../auth/require-role.js';
import { spaceNotFound } from '../contents/space.js';
import { walker } from '../conventions/cursor-page.js';
import type { Place } from '../conventions/cursor.js';
import {
  etagOf,
  expectedSpaceVersions,
  isNotModified,
  NotModified,
  ReadConditions,
  spaceEtag,
  tagged,
  WriteConditions,
} from '../conventions/etag.js';
import {
  idempotencyKey,
  markReplayed,
  repeatable,
  RestoreHeaders,
} from '../conventions/idempotency-key.js';
import { pageOf, sendPage } from '../conventions/list-page.js';
import { isSearch, listKey } from '../conventions/list-query.js';
import { NamespaceParams, paging, ref, Restore } from '../conventions/schemas.js';
import { Moved } from '../errors/redirect.js';
import { metadataMerge, PATCH_TYPES } from '../server/json-body.js';
import { addCreation, addEnsuring, creationSchemas } from './creation.js';
import {
  Space,
  SpaceContents,
  SpaceDetails,
  SpaceList,
  SpaceListItem,
  SpaceNamespace,
  SpaceParams,
  SpaceUpdate,
} from './schema.js';
import { selectionOf, SpaceListQuery } from './selection.js';

type ListAnswer = Omit<Static<typeof SpaceList>, 'spaces'> & Pick<SpacePage, 'items'>;

/** Lists come from the database as JSON text; to build objects of it would double their cost. */
function serializeList({ items, ...page }: ListAnswer): string {
  return `{"spaces":[${items}],${JSON.stringify(page).slice(1)}`;
}

/** The operations on spaces. Both nouns answer; the seed's paths are the ones documented. */
export const spacesPlugin: FastifyPluginCallbackTypebox<{
  spaces: SpacesRepository;
  /** what cursors are sealed with */
  cursorKey: () => Promise<Buffer>;
}> = (app, { spaces, cursorKey }, done) => {
  const walk = walker(cursorKey);

  /** @throws `ServiceError` `space_not_found`, with the present slug when it has another one now */
  async function found<Value>(
    { user, params }: { user: Principal; params: Static<typeof SpaceParams> },
    value: Value | null,
  ): Promise<Value> {
    if (value !== null) return value;
    const presentSlug = await spaces.presentSlug(user, params.slug, params.projectSlug);
    if (presentSlug !== null) throw renamed('space', presentSlug);
    throw spaceNotFound();
  }

  app.addSchema(SpaceNamespace);
  app.addSchema(SpaceContents);
  for (const schema of [
    SpaceListItem,
    SpaceList,
    Space,
    SpaceDetails,
    SpaceUpdate,
    ...creationSchemas,
  ]) {
    app.addSchema(schema);
  }

  for (const noun of ['spaces', 'projects'] as const) {
    const collection = `/namespaces/:slug/${noun}`;
    const item = `${collection}/:projectSlug`;
    const hideCollection = noun !== 'spaces';
    const hideItem = noun !== 'projects';

    app.get(
      collection,
      {
        config: {
          scope: 'spaces:read',
          role: 'viewer',
          isCostly: isSearch(),
        },
        schema: {
          operationId: 'listSpaces',
          summary: 'List all spaces in a namespace with pagination',
          description:
            'Active spaces, oldest first, unless asked otherwise. Filters are combined: a space has to fit all of them.',
          tags: ['spaces'],
          hide: hideCollection,
          params: NamespaceParams,
          querystring: SpaceListQuery,
          headers: ReadConditions,
          response: {
            200: pageOf(Type.Unsafe<ListAnswer>(ref(SpaceList))),
            304: NotModified,
            308: Moved,
          },
        },
        serializerCompiler: () => serializeList,
      },
      async (request, reply) => {
        const { user, query } = request;
        const { slug } = request.params;
        const selection = selectionOf(query);
        if (query.cursor !== undefined) {
          const list = listKey(selection);
          const read = async (limit: number, after: Place | null) => {
            const lists = spaces.listsFor(selection, 0);
            const part = permitted(
              await lists.walk(user, slug, selection, { limit, after }),
              'viewer',
            );
            if (!part) throw new Error('A list is never null');
            return part;
          };
          const { items, page } = await walk({ list, query, cursor: query.cursor, read });
          return { items, ...page };
        }
        const { limit, offset, describe } = paging(query);
        const page = permitted(
          await spaces
            .listsFor(selection, offset)
            .page(user, slug, selection, { limit, offset }, (items, total) =>
              Buffer.from(serializeList({ items, ...describe(total) })),
            ),
          'viewer',
        );
        if (!page) throw new Error('A list is never null');
        const skippedMax = isBounded(selection) ? SKIPPED_MAX : Infinity;
        return sendPage(request, reply, page, describe, skippedMax);
      },
    );

    addCreation(app, spaces, collection, hideCollection);

    app.get(
      item,
      {
        config: {
          scope: 'spaces:read',
          role: 'viewer',
          problems: ['space_not_found'],
        },
        schema: {
          operationId: 'getSpace',
          summary: 'Get a project',
          tags: ['spaces'],
          hide: hideItem,
          params: SpaceParams,
          headers: ReadConditions,
          response: { 200: tagged(ref(SpaceDetails)), 304: NotModified, 308: Moved },
        },
      },
      async (request, reply) => {
        const { slug, projectSlug } = request.params;
        const space = await found(
          request,
          permitted(await spaces.find(request.user, slug, projectSlug), 'viewer'),
        );
        void reply.header('etag', spaceEtag(space));
        if (isNotModified(request.headers, spaceEtag(space))) {
          return reply.code(304).send(undefined);
        }
        return {
          ...space,
          namespace: { id: space.namespaceId, slug },
          createdAt: space.createdAt.toISOString(),
          updatedAt: space.updatedAt.toISOString(),
        };
      },
    );

    addEnsuring(app, spaces, item, hideItem);

    app.patch(
      item,
      {
        config: {
          scope: 'spaces:write',
          role: 'editor',
          problems: ['space_not_found', 'slug_conflict'],
        },
        schema: {
          operationId: 'updateSpace',
          summary: 'Update a project',
          description:
            'Only provided fields are updated. `metadata` is replaced whole under `application/json` and merged (RFC 7396) under `application/merge-patch+json`.',
          tags: ['spaces'],
          hide: hideItem,
          consumes: PATCH_TYPES,
          params: SpaceParams,
          headers: WriteConditions,
          body: ref(SpaceUpdate),
          response: { 200: tagged(ref(Space)) },
        },
      },
      async (request, reply) => {
        const { slug, projectSlug } = request.params;
        const { tags, ...changes } = request.body;
        const given = { ...changes, ...(tags !== undefined && { tags: tags ?? [] }) };
        const expected = expectedSpaceVersions(request.headers);
        const merge = metadataMerge(request, given.metadata);
        const outcome = merge
          ? await spaces.merge(request.user, slug, projectSlug, given, merge, expected)
          : await spaces.update(request.user, slug, projectSlug, given, expected);
        const space = await found(request, permitted(outcome, 'editor'));
        void reply.header('etag', spaceEtag(space));
        return space;
      },
    );

    app.delete(
      item,
      {
        config: {
          scope: 'spaces:write',
          role: 'editor',
          problems: ['space_not_found'],
        },
        schema: {
          operationId: 'deleteSpace',
          summary: 'Delete a project',
          description: 'It can be restored. Its slug is free at once.',
          tags: ['spaces'],
          hide: hideItem,
          params: SpaceParams,
          headers: WriteConditions,
          response: { 204: tagged(Type.Null({ description: 'Deleted' })) },
        },
      },
      async (request, reply) => {
        const { slug, projectSlug } = request.params;
        const expected = expectedSpaceVersions(request.headers);
        const deleted = await found(
          request,
          permitted(await spaces.remove(request.user, slug, projectSlug, expected), 'editor'),
        );
        return reply.code(204).header('etag', etagOf(deleted)).send(null);
      },
    );

    app.post(
      `${item}/restore`,
      {
        config: {
          scope: 'spaces:write',
          role: 'editor',
          problems: ['quota_exceeded', 'space_not_found', 'slug_conflict'],
        },
        schema: {
          operationId: 'restoreSpace',
          summary: 'Restore a deleted project',
          description:
            'Brings back the last deleted of the spaces that had this slug, under another one with `slug`. A space that is not deleted stays as it is.',
          tags: ['spaces'],
          hide: hideItem,
          params: SpaceParams,
          headers: RestoreHeaders,
          body: ref(Restore),
          response: { 200: repeatable(ref(Space)) },
        },
      },
      async (request, reply) => {
        const { slug, projectSlug } = request.params;
        const body = request.body ?? null;
        const outcome = await spaces.restore(
          request.user,
          slug,
          projectSlug,
          body?.slug ?? null,
          expectedSpaceVersions(request.headers),
          idempotencyKey(request.headers['idempotency-key'], body),
        );
        const space = await found(request, permitted(outcome, 'editor'));
        markReplayed(reply, space);
        void reply.header('etag', spaceEtag(space));
        return space;
      },
    );
  }

  done();
};
