import { type ProblemCode, ServiceError, type Violation } from '../../errors.js';
import type { Failure, Failures, Reason } from '../../failure.js';

type Wording<R extends Reason> = (
  data: Failures[R],
) => [code: ProblemCode, detail: string, options?: ServiceError['options']];

/** The status and the sentence of each failure of a repository. */
const wordings: { [R in Reason]: Wording<R> } = {
  renamed: ({ what, currentSlug }) => [
    `${what}_not_found`,
    `The ${what} that had this slug has the slug "${currentSlug}" now. Send that.`,
    { currentSlug },
  ],
  slug_taken: ({ table, slug }) => [
    'slug_conflict',
    table === 'spaces'
      ? `Another space of this namespace has the slug "${slug}". Send another "slug".`
      : `Another namespace has the slug "${slug}", or had it until recently. Send another.`,
  ],
  slugs_taken: ({ conflicts }) => [
    'slug_conflict',
    'Nothing was created: "errors" names the slugs that others have. Send another "slug" for each.',
    { violations: conflicts.map(slugViolation) },
  ],
  name_taken: ({ table }) => [
    'name_conflict',
    table === 'episodes'
      ? 'Another episode of this space has the name, or had it when it was deleted. Send another "name".'
      : 'Another one has the name. Send another "name".',
  ],
  path_taken: () => [
    'path_conflict',
    'There is something at this path already. Send another "path".',
  ],
  path_too_long: () => [
    'validation_failed',
    'A folder below it would have too long a path.',
    {
      violations: [
        {
          path: '/path',
          code: 'max_length',
          message: 'makes the path of a folder below it too long',
        },
      ],
    },
  ],
  folder_cycle: () => [
    'folder_cycle',
    'The "path" is below the folder itself. Send one that is not.',
  ],
  folder_not_empty: () => [
    'folder_not_empty',
    'The folder holds folders, episodes or assets. Move or delete them first.',
  ],
  folder_protected: () => [
    'write_protected',
    'A write-protected episode is in the folder or below it, so it cannot be moved or renamed.',
  ],
  write_protected: () => [
    'write_protected',
    'The episode is write-protected for good: neither it nor an asset in it can be changed, moved or deleted.',
  ],
  episode_deleted: () => [
    'episode_deleted',
    'The episode with this name was deleted. Restore it with POST …/episodes/{name}/restore, or send another name.',
  ],
  asset_episode_deleted: () => [
    'episode_deleted',
    'The episode of this asset was deleted. Restore the episode, and the asset with it.',
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
    `"${member}" is the last owner of this namespace. Make another member owner first.`,
  ],
  quota_exceeded: ({ table, quota }) => [
    'quota_exceeded',
    `There may be ${quota} ${quotas[table] ?? table}, and this would be one more. Delete or remove what is not needed.`,
  ],
  precondition_failed: () => [
    'precondition_failed',
    'The resource is not, or no longer, as If-Match or If-None-Match asks. Get it and try again.',
  ],
  key_reused: () => [
    'idempotency_key_reused',
    'This Idempotency-Key came with another body before. Send a new key with a new request.',
  ],
  key_in_use: () => [
    'idempotency_key_in_use',
    'An earlier request with this Idempotency-Key is still being answered. Repeat this one soon.',
  ],
  key_of_lost_namespace: () => [
    'namespace_not_found',
    'This Idempotency-Key has created a namespace that you are no member of any more.',
  ],
  page_too_deep: ({ skippedMax }) => [
    'validation_failed',
    'The page is too far inside the list. Begin a walk with cursor=start.',
    {
      violations: [
        {
          path: '/page',
          code: 'too_deep',
          message: `must leave at most ${skippedMax} items before the page; walk this list by "cursor" instead`,
        },
      ],
    },
  ],
  unavailable: ({ isSlow }) => [
    'unavailable',
    isSlow
      ? 'The database took too long. Try again soon; where a list was asked for, with filters that fewer fit.'
      : 'The database cannot answer right now. Try again soon.',
  ],
};

/** The subjects of quotas, by the table of the check. */
const quotas: Record<string, string> = {
  subject_counters: 'active namespaces that one subject created',
  space_counters: 'active spaces in a namespace',
  namespaces_members: 'members in a namespace',
};

/** Where the reason lies in the body, and its words. */
const assetObstacles = {
  episode_not_found: {
    field: 'episode',
    message: 'names no episode of the space',
    detail: 'The space has no episode with the name in "episode". Make the episode first.',
  },
  write_protected: {
    field: 'episode',
    message: 'names an episode that is write-protected',
    detail: 'The episode in "episode" is write-protected for good: no asset can come into it.',
  },
  path_conflict: {
    field: 'path',
    message: 'is the path of another asset',
    detail: 'There is an asset at this path already. Send another "path".',
  },
};

function slugViolation({
  index,
  slug,
  isOfBatch,
}: Failures['slugs_taken']['conflicts'][number]): Violation {
  const path = `/spaces/${index}/slug`;
  return isOfBatch
    ? { path, code: 'repeated', message: `"${slug}" is the slug of another one of the batch` }
    : { path, code: 'taken', message: `"${slug}" is the slug of another space` };
}

/** @returns the problem that a failure of a repository is to the caller of the API */
export function toProblem<R extends Reason>({ reason, data, cause }: Failure<R>): ServiceError {
  const wording: Wording<R> = wordings[reason];
  const [code, detail, options] = wording(data);
  return new ServiceError(code, detail, { ...options, cause });
}
