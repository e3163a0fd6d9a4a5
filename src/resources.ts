import type { PgTable } from 'drizzle-orm/pg-core';
import { assets } from './db/schema/assets.js';
import { contentCounters } from './db/schema/content-counters.js';
import { cursorKeys } from './db/schema/cursor-keys.js';
import { episodes } from './db/schema/episodes.js';
import { folders, folderTrees } from './db/schema/folders.js';
import { formerSpaceSlugs } from './db/schema/former-slugs.js';
import { idempotencyKeys } from './db/schema/idempotency-keys.js';
import { members } from './db/schema/members.js';
import { namespaceSlugs } from './db/schema/namespace-slugs.js';
import { namespaces } from './db/schema/namespaces.js';
import { spaceCounters } from './db/schema/space-counters.js';
import { spaces } from './db/schema/spaces.js';
import { subjectCounters } from './db/schema/subject-counters.js';
import { assetRoutes } from './http/assets/index.js';
import { episodeRoutes } from './http/episodes/index.js';
import { folderRoutes } from './http/folders/index.js';
import { memberRoutes } from './http/members/index.js';
import { namespaceRoutes } from './http/namespaces/index.js';
import { type App, registerRoutes, type ResourceRoutes } from './http/resource.js';
import { spaceRoutes } from './http/spaces/index.js';
import { assetsRepository } from './repositories/assets/index.js';
import type { RepositoryContext } from './repositories/context.js';
import { episodesRepository } from './repositories/episodes/index.js';
import { foldersRepository } from './repositories/folders/index.js';
import { membersRepository } from './repositories/members/index.js';
import { namespacesRepository } from './repositories/namespaces/index.js';
import { spacesRepository } from './repositories/spaces/index.js';

interface Definition<Repository> {
  /** the group of the operations in the API document */
  tag: { name: string; description: string };
  /** the part of the API document; `spaces` comes first */
  of: 'namespaces' | 'spaces';
  /** tables whose rows belong to one namespace each */
  tables: readonly PgTable[];
  /** tables that are queried across namespaces */
  sharedTables?: readonly PgTable[];
  repository: (context: RepositoryContext) => Repository;
  routes: ResourceRoutes<Repository>;
}

/** A resource of the API: all that the application, the API document and the distribution of tables need. */
export interface Resource extends Required<
  Pick<Definition<unknown>, 'tag' | 'of' | 'tables' | 'sharedTables'>
> {
  /** adds its operations to an application */
  register: (app: App, context: RepositoryContext) => void;
}

/** Defines a resource by its tables, its repository and its operations. */
export function defineResource<Repository>({
  repository,
  routes,
  sharedTables = [],
  ...definition
}: Definition<Repository>): Resource {
  return {
    ...definition,
    sharedTables,
    register: (app, context) => {
      registerRoutes(app, routes, repository(context));
    },
  };
}

/** Tables that belong to no resource. */
const ownTables = { onCoordinator: [cursorKeys], byNamespace: [contentCounters, idempotencyKeys] };

/** All resources, in the order in which their operations are added. */
export const resources: readonly Resource[] = [
  defineResource({
    tag: { name: 'namespaces', description: 'Users and teams' },
    of: 'namespaces',
    tables: [namespaces],
    sharedTables: [namespaceSlugs, subjectCounters],
    repository: namespacesRepository,
    routes: namespaceRoutes,
  }),
  defineResource({
    tag: { name: 'members', description: 'The members of a namespace and their roles' },
    of: 'namespaces',
    tables: [members],
    repository: membersRepository,
    routes: memberRoutes,
  }),
  defineResource({
    tag: { name: 'spaces', description: 'The spaces (projects) of a namespace' },
    of: 'spaces',
    tables: [spaces, spaceCounters, formerSpaceSlugs],
    repository: spacesRepository,
    routes: spaceRoutes,
  }),
  defineResource({
    tag: { name: 'folders', description: 'The folders of a space' },
    of: 'spaces',
    tables: [folders, folderTrees],
    repository: foldersRepository,
    routes: folderRoutes,
  }),
  defineResource({
    tag: { name: 'episodes', description: 'The recorded runs of a space' },
    of: 'spaces',
    tables: [episodes],
    repository: episodesRepository,
    routes: episodeRoutes,
  }),
  defineResource({
    tag: { name: 'assets', description: 'The recorded files of a space and its episodes' },
    of: 'spaces',
    tables: [assets],
    repository: assetsRepository,
    routes: assetRoutes,
  }),
];

/** @returns the groups of operations, in the order of the API document */
export function documentTags(all: readonly Resource[]) {
  const of = (kind: Resource['of']) => all.filter((resource) => resource.of === kind);
  return [...of('spaces'), ...of('namespaces')].map(({ tag }) => tag);
}

/** The tables of a distributed database (`drizzle/citus.sql`). */
interface DistributedTables {
  onCoordinator: readonly PgTable[];
  /** distributed by namespace; all rows of one namespace are on one worker */
  byNamespace: readonly PgTable[];
}

/** @returns the tables of resources by their place in a distributed database */
export function distributedTables(all: readonly Resource[]): DistributedTables {
  return {
    onCoordinator: [...all.flatMap(({ sharedTables }) => sharedTables), ...ownTables.onCoordinator],
    byNamespace: [...all.flatMap(({ tables }) => tables), ...ownTables.byNamespace],
  };
}
