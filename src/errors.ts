/**
 * Every problem of the API by its stable code: the single source of the error bodies, the statuses in the
 * OpenAPI document and the table in docs/api.md.
 */
export const problems = {
  malformed_request: {
    status: 400,
    title: 'The request or its URL is malformed',
  },
  malformed_body: { status: 400, title: 'The body is not valid JSON' },
  validation_failed: { status: 400, title: 'The request does not match its schema' },
  token_missing: { status: 401, title: 'No bearer token was sent' },
  token_invalid: { status: 401, title: 'The bearer token is not valid' },
  token_expired: { status: 401, title: 'The bearer token has expired' },
  insufficient_scope: {
    status: 403,
    title: 'The token lacks the scope that this operation requires',
  },
  insufficient_role: { status: 403, title: 'The role in the namespace does not allow this' },
  write_protected: { status: 403, title: 'The episode is write-protected' },
  quota_exceeded: { status: 403, title: 'A quota is exhausted' },
  route_not_found: { status: 404, title: 'No such route' },
  namespace_not_found: { status: 404, title: 'Namespace not found' },
  space_not_found: { status: 404, title: 'Space not found' },
  folder_not_found: { status: 404, title: 'Folder not found' },
  episode_not_found: { status: 404, title: 'Episode not found' },
  asset_not_found: { status: 404, title: 'Asset not found' },
  member_not_found: { status: 404, title: 'Member not found' },
  method_not_allowed: { status: 405, title: 'The path does not support this method' },
  not_acceptable: { status: 406, title: 'No media type in Accept is available' },
  slug_conflict: { status: 409, title: 'The slug is taken' },
  name_conflict: { status: 409, title: 'The name is taken' },
  path_conflict: { status: 409, title: 'The path is taken' },
  folder_cycle: { status: 409, title: 'A folder cannot be moved into itself or a folder below it' },
  folder_not_empty: { status: 409, title: 'The folder is not empty' },
  last_owner: { status: 409, title: 'A namespace must have at least one owner' },
  request_timeout: { status: 408, title: 'The request did not arrive in time' },
  idempotency_key_in_use: {
    status: 409,
    title: 'A request with this Idempotency-Key is still in progress',
  },
  episode_deleted: { status: 410, title: 'The episode was deleted' },
  precondition_failed: {
    status: 412,
    title: 'A precondition in If-Match or If-None-Match failed',
  },
  body_too_large: { status: 413, title: 'The body is too large' },
  expectation_failed: { status: 417, title: 'The expectation of the request cannot be met' },
  unsupported_media_type: { status: 415, title: 'The media type of the body is not supported' },
  idempotency_key_reused: {
    status: 422,
    title: 'The Idempotency-Key was used for another request',
  },
  rate_limited: { status: 429, title: 'The subject of the token has sent too many requests' },
  headers_too_large: { status: 431, title: 'The headers are too large' },
  internal_error: { status: 500, title: 'An error in the service' },
  unavailable: { status: 503, title: 'The service is temporarily unavailable' },
  overloaded: { status: 503, title: 'The service is overloaded' },
} as const satisfies Record<string, { status: number; title: string }>;

export type ProblemCode = keyof typeof problems;

/**
 * One violated rule of a request: `path` is a JSON Pointer (RFC 6901), `code` the rule, `message` the rule in
 * words.
 */
export interface Violation {
  path: string;
  code: string;
  message: string;
}

/** An error that is shown to the caller; any other error becomes `internal_error`. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';

  /**
   * @param code of the problem
   * @param detail for the caller: what was wrong, and what to do
   * @param options `violations` of a failed validation or a rejected batch, `currentSlug` of a renamed
   *   resource, `cause` for the log (never sent)
   */
  constructor(
    readonly code: ProblemCode,
    detail: string,
    readonly options: { violations?: Violation[]; currentSlug?: string; cause?: unknown } = {},
  ) {
    super(detail, { cause: options.cause });
  }
}
