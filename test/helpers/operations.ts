import { contentOperations } from './operations/contents.js';
import { namespaceOperations, permanentDeletion } from './operations/namespaces.js';
import type { Operation } from './operations/operation.js';
import { spaceOperations } from './operations/spaces.js';

/** One operation of each resource, also sent under the other noun. */
const ALIASES = ['listFolders', 'upsertEpisode', 'getAsset'];

/** Every operation that requires a token, under every path that reaches it. */
export const operations: Operation[] = [
  ...namespaceOperations,
  ...spaceOperations('spaces'),
  ...spaceOperations('projects'),
  ...contentOperations('projects'),
  // `contents.test.ts` shows that both nouns reach the same methods.
  ...contentOperations('spaces').filter(({ id }) => ALIASES.includes(id)),
  permanentDeletion,
];

/** The operations that address one namespace. */
export const operationsWithin = operations.filter(({ role }) => role !== null);
