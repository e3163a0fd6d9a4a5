import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import type { Static } from '@sinclair/typebox';
import type { ProblemCode } from '../../errors.js';
import type { NewSpace } from '../../repositories/spaces/columns.js';
import type { SpacesRepository } from '../../repositories/spaces/index.js';
import { expectVersion, preconditionFailed } from '../../repositories/version.js';
import { deriveSlug, isSlug, SLUG_PATTERN } from '../../slug.js';
import { permitted } from '../auth/require-role.js';
import {
  EnsureHeaders,
  etagOf,
  expectedSpaceVersions,
  expectNone,
  spaceEtag,
  tagged,
} from '../conventions/etag.js';
import {
  created,
  IdempotencyHeader,
  idempotencyKey,
  locationHeader,
  markReplayed,
  replayedHeader,
} from '../conventions/idempotency-key.js';
import { NamespaceParams, ref } from '../conventions/schemas.js';
import { invalid } from '../errors/problem.js';
import {
  Space,
  SpaceBatch,
  SpaceBatchResult,
  SpaceCreate,
  SpaceEnsure,
  SpaceEnsureParams,
} from './schema.js';

const tags = ['spaces'];
const problems: ProblemCode[] = ['quota_exceeded', 'slug_conflict'];

export const creationSchemas = [SpaceCreate, SpaceEnsure, SpaceBatch, SpaceBatchResult];

type App = Parameters<FastifyPluginCallbackTypebox>[0];

/**
 * Adds the operations that create one space and several.
 *
 * @param path of the collection of spaces
 * @param hide whether the document does not show them
 */
export function addCreation(app: App, spaces: SpacesRepository, path: string, hide: boolean): void {
  app.post(
    path,
    {
      config: { scope: 'spaces:write', role: 'editor', problems },
      schema: {
        operationId: 'createSpace',
        summary: 'Create a new project in a namespace',
        tags,
        hide,
        params: NamespaceParams,
        headers: IdempotencyHeader,
        body: ref(SpaceCreate),
        response: { 201: created(ref(Space)) },
      },
    },
    async (request, reply) => {
      const { user, params, headers, body } = request;
      const space = written(
        permitted(
          await spaces.create(
            user,
            params.slug,
            newSpace(body),
            idempotencyKey(headers['idempotency-key'], body),
          ),
          'editor',
        ),
      );
      markReplayed(reply, space);
      return reply
        .code(201)
        .header('etag', etagOf(space))
        .header('location', pathOf(params.slug, space))
        .send(space);
    },
  );

  app.post(
    `${path}/batch`,
    {
      config: { scope: 'spaces:write', role: 'editor', problems },
      schema: {
        operationId: 'createSpaces',
        summary: 'Create several projects in a namespace',
        description:
          'All of them or none. Where slugs are taken, `errors` names each by its place in the batch.',
        tags,
        hide,
        params: NamespaceParams,
        headers: IdempotencyHeader,
        body: ref(SpaceBatch),
        response: { 201: { ...ref(SpaceBatchResult), headers: replayedHeader } },
      },
    },
    async (request, reply) => {
      const { user, params, headers, body } = request;
      const batch = written(
        permitted(
          await spaces.createAll(
            user,
            params.slug,
            body.spaces.map(newSpace),
            idempotencyKey(headers['idempotency-key'], body),
          ),
          'editor',
        ),
      );
      markReplayed(reply, batch);
      reply.created = batch.spaces.map((space) => pathOf(params.slug, space));
      return reply.code(201).send(batch);
    },
  );
}

/** As `addCreation`, the operation that creates a space unless it is there, at the path of a space. */
export function addEnsuring(app: App, spaces: SpacesRepository, path: string, hide: boolean): void {
  app.put(
    path,
    {
      config: { scope: 'spaces:write', role: 'editor', problems: ['quota_exceeded'] },
      schema: {
        operationId: 'ensureSpace',
        summary: 'Create a project, unless there is one with this slug',
        description: 'One that is there is answered as it is, and not changed.',
        tags,
        hide,
        params: SpaceEnsureParams,
        headers: EnsureHeaders,
        body: ref(SpaceEnsure),
        response: {
          200: tagged(ref(Space)),
          201: tagged(ref(Space), locationHeader),
        },
      },
    },
    async (request, reply) => {
      const { user, params, headers, body } = request;
      const { slug, projectSlug } = params;
      if (!isSlug(projectSlug)) {
        const message = `must match pattern "${SLUG_PATTERN}"`;
        throw invalid('path', [{ path: '/projectSlug', code: 'pattern', message }]);
      }
      if (headers['if-match'] !== undefined) {
        const existing = permitted(await spaces.find(user, slug, projectSlug), 'editor');
        if (!existing) throw preconditionFailed();
        expectVersion(existing, expectedSpaceVersions({ 'if-match': headers['if-match'] }));
        expectNone(headers['if-none-match'], spaceEtag(existing));
        return reply.header('etag', spaceEtag(existing)).send(existing);
      }
      const space = written(
        permitted(
          await spaces.ensure(user, slug, newSpace({ ...body, slug: projectSlug })),
          'editor',
        ),
      );
      if (space.created) void reply.code(201).header('location', pathOf(slug, space));
      else expectNone(headers['if-none-match'], spaceEtag(space));
      return reply.header('etag', spaceEtag(space)).send(space);
    },
  );
}

function newSpace(body: Static<typeof SpaceCreate>): NewSpace {
  const { name, slug, description, tags: sent, metadata } = body;
  return {
    name,
    slug: slug ?? deriveSlug(name),
    description: description ?? null,
    tags: sent ?? [],
    metadata: metadata ?? null,
  };
}

function pathOf(namespace: string, { slug }: { slug: string }): string {
  return `/namespaces/${namespace}/projects/${slug}`;
}

function written<Value>(value: Value | null): Value {
  if (value !== null) return value;
  throw new Error('PostgreSQL inserted a space and did not return it');
}
