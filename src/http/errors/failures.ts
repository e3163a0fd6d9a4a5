import { type ProblemCode, ServiceError, type Violation } from '../../errors.js';
import type { Failure, Failures, Reason } from '../../failure.js';
import { PATH_MAX_LENGTH, PATH_MAX_SEGMENTS } from '../../path.js';

type Wording<R extends Reason> = (
  data: Failures[R],
) => [code: ProblemCode, detail: string, options?: ServiceError['options']];

const PATH_LIMITS = `more than ${PATH_MAX_LENGTH} characters or ${PATH_MAX_SEGMENTS} segments`;

/** The problem code and the text of each failure of a repository. */
const wordings: { [R in Reason]: Wording<R> } = {
  renamed: ({ what, currentSlug }) => [
    `${what}_not_found`,
    `The ${what} was renamed: its slug is now "${currentSlug}". Send the request with the new slug.`,
    { currentSlug },
  ],
  slug_taken: ({ table, slug }) => [
    'slug_conflict',
    table === 'spaces'
      ? `Another space of this namespace has the slug "${slug}". Choose another "slug".`
      : `Another namespace has the slug "${slug}", or it is reserved for the owners of one that had it. Choose another "slug".`,
  ],
  slugs_taken: ({ conflicts }) => [
    'slug_conflict',
    'No space was created: slugs of the batch are taken. Choose another "slug" for each space in "errors".',
    { violations: conflicts.map(slugViolation) },
  ],
  name_taken: ({ table }) => [
    'name_conflict',
    table === 'episodes'
      ? 'Another episode of this space, active or deleted, has this name. Choose another "name".'
      : 'The name is taken. Choose another "name".',
  ],
  path_taken: () => ['path_conflict', 'The path is taken. Choose another "path".'],
  path_too_long: () => [
    'validation_failed',
    `The path of a folder below the moved one would have ${PATH_LIMITS}. Choose a "path" that is shorter or less deep.`,
    {
      violations: [
        {
          path: '/path',
          code: 'path',
          message: `gives a folder below a path of ${PATH_LIMITS}`,
        },
      ],
    },
  ],
  folder_cycle: () => [
    'folder_cycle',
    'The new "path" is below the folder itself. Choose a path outside of the folder.',
  ],
  folder_not_empty: () => [
    'folder_not_empty',
    'The folder contains folders, episodes or assets. Move or delete them first.',
  ],
  folder_protected: () => [
    'write_protected',
    'The folder cannot be moved or renamed, because it or a folder below contains a write-protected episode.',
  ],
  write_protected: () => [
    'write_protected',
    'The episode is write-protected permanently: neither it nor its assets can be changed, moved or deleted. Use another episode.',
  ],
  episode_deleted: () => [
    'episode_deleted',
    'The episode with this name was deleted. Restore it with POST …/episodes/{name}/restore, or choose another name.',
  ],
  asset_episode_deleted: () => [
    'episode_deleted',
    'The episode of this asset was deleted. Restore the episode first.',
  ],
  assets_rejected: ({ obstacles, isBatch }) => {
    const [first] = obstacles;
    const { detail } = assetObstacles[first?.reason ?? 'path_conflict'];
    const violations = obstacles.map(({ index, reason }) => {
      const { field, message } = assetObstacles[reason];
      return { path: `/assets/${index}/${field}`, code: reason, message };
    });
    return [first?.reason ?? 'path_conflict', detail, isBatch ? { violations } : {}];
  },
  last_owner: ({ member }) => [
    'last_owner',
    `"${member}" is the last owner of this namespace. Give another member the role "owner" first.`,
  ],
  quota_exceeded: ({ table, quota }) => [
    'quota_exceeded',
    `The quota is ${quota} ${quotas[table] ?? table}, and the request would exceed it. Delete or remove some first.`,
  ],
  precondition_failed: () => [
    'precondition_failed',
    'The current version of the resource does not meet If-Match or If-None-Match. Get the resource, and retry with its current ETag.',
  ],
  key_reused: () => [
    'idempotency_key_reused',
    'The Idempotency-Key was used for a request with another body. Use a new key for each new request.',
  ],
  key_in_use: () => [
    'idempotency_key_in_use',
    'An earlier request with this Idempotency-Key is still in progress. Retry after the seconds in Retry-After.',
  ],
  key_of_lost_namespace: () => [
    'namespace_not_found',
    'The request with this Idempotency-Key created a namespace that you are no longer a member of. Use a new key to create another namespace.',
  ],
  page_too_deep: ({ skippedMax }) => [
    'validation_failed',
    'The page is too deep in the list. Read the list by cursor, beginning with cursor=start.',
    {
      violations: [
        {
          path: '/page',
          code: 'too_deep',
          message: `is too deep: at most ${skippedMax} items may come before the page; use "cursor" instead`,
        },
      ],
    },
  ],
  unavailable: ({ isSlow }) => [
    'unavailable',
    isSlow
      ? 'The database did not respond in time. Retry later; narrow the filters of a list.'
      : 'The database is temporarily unavailable. Retry later.',
  ],
};

/** The subjects of quotas, by the table of the check. */
const quotas: Record<string, string> = {
  subject_counters: 'active namespaces created by one subject',
  space_counters: 'active spaces in a namespace',
  namespaces_members: 'members in a namespace',
};

/** The field of the body and the texts of each obstacle. */
const assetObstacles = {
  episode_not_found: {
    field: 'episode',
    message: 'is not the name of an episode of the space',
    detail: 'The space has no episode with the name in "episode". Create the episode first.',
  },
  write_protected: {
    field: 'episode',
    message: 'is the name of a write-protected episode',
    detail:
      'The episode in "episode" is write-protected permanently: no asset can be added. Choose another episode.',
  },
  path_conflict: {
    field: 'path',
    message: 'is the path of another asset',
    detail: 'Another asset has this path. Choose another "path".',
  },
};

function slugViolation({
  index,
  slug,
  isOfBatch,
}: Failures['slugs_taken']['conflicts'][number]): Violation {
  const path = `/spaces/${index}/slug`;
  return isOfBatch
    ? { path, code: 'repeated', message: `"${slug}" is the slug of another space of the batch` }
    : { path, code: 'taken', message: `"${slug}" is the slug of another space` };
}

/** Converts a failure of a repository to the problem that the API reports. */
export function toProblem<R extends Reason>({ reason, data, cause }: Failure<R>): ServiceError {
  const wording: Wording<R> = wordings[reason];
  const [code, detail, options] = wording(data);
  return new ServiceError(code, detail, { ...options, cause });
}
