/**
 * The failures that repositories throw, each with its data. `src/http/errors/failures.ts` maps each to a
 * problem code and a text.
 */
type NoData = Record<string, never>;

export interface Failures {
  /** the namespace or the space was renamed */
  renamed: { what: 'namespace' | 'space'; currentSlug: string };
  /** another row of the table has the slug */
  slug_taken: { table: string; slug: string };
  /** slugs of a batch that other spaces have, or several spaces of the batch */
  slugs_taken: { conflicts: { index: number; slug: string; isOfBatch: boolean }[] };
  /** another row of the table has the name */
  name_taken: { table: string };
  path_taken: NoData;
  /** the path of a folder below the moved one would be too long or too deep */
  path_too_long: NoData;
  folder_cycle: NoData;
  folder_not_empty: NoData;
  folder_protected: NoData;
  write_protected: NoData;
  episode_deleted: NoData;
  /** the episode of the asset was deleted */
  asset_episode_deleted: NoData;
  /** assets that cannot be created, in the order of the batch */
  assets_rejected: { obstacles: AssetObstacle[]; isBatch: boolean };
  last_owner: { member: string };
  quota_exceeded: { table: string; quota: number };
  /** the resource has none of the expected versions */
  precondition_failed: NoData;
  /** the key belongs to another request */
  key_reused: NoData;
  key_in_use: NoData;
  /** the caller is no longer a member of the namespace that the key created */
  key_of_lost_namespace: NoData;
  /** too many items come before the page, which can only be reached by cursor */
  page_too_deep: { skippedMax: number };
  /** the database is temporarily unavailable; `isSlow` after a timeout */
  unavailable: { isSlow: boolean };
}

export type Reason = keyof Failures;

/** Why an asset cannot be created, and its position in the batch. */
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
