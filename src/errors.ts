/**
 * Every problem this service can answer, by its stable code: the one table behind the error
 * bodies, the statuses declared in the OpenAPI document and the list in docs/api.md.
 */
export const problems = {
  malformed_request: {
    status: 400,
    title: 'The request is not well-formed HTTP or its URL is not',
  },
  malformed_body: { status: 400, title: 'The body is not valid JSON' },
  validation_failed: { status: 400, title: 'The request does not fit its schema' },
  token_missing: { status: 401, title: 'No bearer token was sent' },
  token_invalid: { status: 401, title: 'The bearer token is not valid' },
  token_expired: { status: 401, title: 'The bearer token has expired' },
  insufficient_scope: { status: 403, title: 'The token lacks the scope this operation needs' },
  insufficient_role: { status: 403, title: 'The role in the namespace does not allow this' },
  write_protected: { status: 403, title: 'The episode is write-protected' },
  quota_exceeded: { status: 403, title: 'There may be no more of this' },
  route_not_found: { status: 404, title: 'No such route' },
  namespace_not_found: { status: 404, title: 'Namespace not found' },
  space_not_found: { status: 404, title: 'Space not found' },
  folder_not_found: { status: 404, title: 'Folder not found' },
  episode_not_found: { status: 404, title: 'Episode not found' },
  asset_not_found: { status: 404, title: 'Asset not found' },
  member_not_found: { status: 404, title: 'Member not found' },
  method_not_allowed: { status: 405, title: 'The path does not answer this method' },
  not_acceptable: { status: 406, title: 'No answer that the caller accepts can be made' },
  slug_conflict: { status: 409, title: 'The slug is taken' },
  name_conflict: { status: 409, title: 'The name is taken' },
  path_conflict: { status: 409, title: 'The path is taken' },
  folder_cycle: { status: 409, title: 'A folder cannot be moved into itself' },
  folder_not_empty: { status: 409, title: 'The folder is not empty' },
  last_owner: { status: 409, title: 'A namespace keeps at least one owner' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  idempotency_key_in_use: {
    status: 409,
    title: 'A request with this Idempotency-Key is still being answered',
  },
  episode_deleted: { status: 410, title: 'The episode was deleted' },
  precondition_failed: {
    status: 412,
    title: 'The resource is not as If-Match or If-None-Match asks',
  },
  body_too_large: { status: 413, title: 'The body is too large' },
  expectation_failed: { status: 417, title: 'The expectation of the request cannot be met' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported' },
  idempotency_key_reused: {
    status: 422,
    title: 'The Idempotency-Key belongs to another request',
  },
  rate_limited: { status: 429, title: 'The subject of the token sends too many requests' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  internal_error: { status: 500, title: 'Something went wrong on our side' },
  unavailable: { status: 503, title: 'The service cannot answer right now' },
  overloaded: { status: 503, title: 'More requests have come than can be answered in time' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problems;

/** One violated rule of a request: where (a JSON Pointer, RFC 6901), which rule, and in words. */
export interface Violation {
  path: string;
  code: string;
  message: string;
}

/** A failure that the caller may see; any other error is an `internal_error`. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';

  /**
   * @param code of the problem
   * @param detail one sentence for the caller: the fault and the remedy
   * @param options `violations` of a failed validation and of taken slugs of a batch, `currentSlug` of a
   *   resource that has another slug now, `cause` for the log (never sent)
   */
  constructor(
    readonly code: ProblemCode,
    detail: string,
    readonly options: { violations?: Violation[]; currentSlug?: string; cause?: unknown } = {},
  ) {
    super(detail, { cause: options.cause });
  }
}
