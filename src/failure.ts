/**
 * The failures that repositories report, each with its data. `src/http/errors/failures.ts` gives each its
 * status and its sentence.
 */
export interface Failures {
  /** the namespace or the space has another slug now */
  renamed: { what: 'namespace' | 'space'; currentSlug: string };
  /** another row of the table has the slug */
  slug_taken: { table: string; slug: string };
  /** slugs of a batch that other spaces have, or several of its own */
  slugs_taken: { conflicts: { index: number; slug: string; isOfBatch: boolean }[] };
  /** another row of the table has the name */
  name_taken: { table: string };
  path_taken: object;
  /** a folder below the one that moves would have too long a path */
  path_too_long: object;
  folder_cycle: object;
  folder_not_empty: object;
  folder_protected: object;
  write_protected: object;
  episode_deleted: object;
  /** the episode of the asset was deleted */
  asset_episode_deleted: object;
  /** assets that cannot be made, the first first */
  assets_rejected: { obstacles: AssetObstacle[]; isBatch: boolean };
  last_owner: { member: string };
  quota_exceeded: { table: string; quota: number };
  /** the resource has none of the expected versions */
  precondition_failed: object;
  /** the key belongs to another request */
  key_reused: object;
  key_in_use: object;
  /** the caller is no longer a member of the namespace that the key created */
  key_of_lost_namespace: object;
  /** so many items come before the page that it is only reached by cursor */
  page_too_deep: { skippedMax: number };
  /** the database cannot answer now; `isSlow` where it took too long */
  unavailable: { isSlow: boolean };
}

export type Reason = keyof Failures;

/** Why an asset cannot be made, and its position in the batch. */
export interface AssetObstacle {
  index: number;
  reason: 'episode_not_found' | 'write_protected' | 'path_conflict';
}

/** A failure that the caller of a repository can act on. */
export class Failure<R extends Reason = Reason> extends Error {
  override readonly name = 'Failure';

  constructor(
    readonly reason: R,
    readonly data: Failures[R],
    options?: ErrorOptions,
  ) {
    super(reason, options);
  }
}

/** @returns whether an error is a failure for one of the reasons */
export function isFailure(error: unknown, ...reasons: Reason[]): error is Failure {
  const failure: Failure | null = error instanceof Failure ? error : null;
  return failure !== null && reasons.includes(failure.reason);
}
