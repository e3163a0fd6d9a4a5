import { DrizzleQueryError } from 'drizzle-orm';
import postgres from 'postgres';
import { ServiceError } from '../errors.js';

/** What postgres.js calls the ways in which a connection can fail, beside the system's own codes. */
const connectionFailures = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_DESTROYED',
  'CONNECTION_ENDED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EPIPE',
  'ETIMEDOUT',
  'NO_PRIMARY',
]);

const READ_ONLY = '25006';

/** Statement timeout: PostgreSQL's own limit, and the service's where PostgreSQL is silent. */
const tooLong = new Set(['57014', 'ETIMEDOUT']);

/**
 * SQLSTATEs, or the first two characters of their class, that mean "not now" rather than "wrong":
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const transientStates = [
  '08', // connection exception
  '28', // invalid authorization: a password that is being replaced
  READ_ONLY, // a standby, or a primary that takes no writes now
  '40', // transaction rollback: deadlock, serialization
  '53', // insufficient resources: too many connections, disk full
  '55P03', // lock not available
  '57', // operator intervention: shutdown, crash, starting up, statement timeout
];

/** How postgres.js and the system say that a connection ended while something was under way on it. */
const cutOff = new Set(['CONNECTION_CLOSED', 'ECONNRESET', 'EPIPE']);

/** SQLSTATEs that PostgreSQL ends a connection with: shutdown, crash, not yet recovered. */
const endingStates = new Set(['57P01', '57P02', '57P03']);

/** The write that violated a constraint. */
interface Attempt {
  slug?: string | null;
  quota?: number | null;
}

/** Violated constraints, by name, and what to tell the caller. */
const constraints: Record<string, (attempt: Attempt) => ServiceError> = {
  namespaces_slug_unique: namespaceSlugTaken,
  namespace_slugs_pkey: namespaceSlugTaken,
  spaces_slug_unique: ({ slug }) =>
    new ServiceError(
      'slug_conflict',
      `Another space of this namespace has the slug "${slug ?? ''}". Send another "slug".`,
    ),
  episodes_name_unique: () =>
    new ServiceError(
      'name_conflict',
      'Another episode of this space has the name, or had it when it was deleted. Send another "name".',
    ),
  folders_path_unique: pathTaken,
  assets_path_unique: pathTaken,
  folders_path_check: () =>
    new ServiceError('validation_failed', 'A folder below it would have too long a path.', {
      violations: [
        {
          path: '/path',
          code: 'max_length',
          message: 'makes the path of a folder below it too long',
        },
      ],
    }),
  episodes_folder_fk: folderNotEmpty,
  assets_folder_fk: folderNotEmpty,
  idempotency_keys_namespace_id_subject_operation_key_pk: keyInUse,
  subject_counters_quota_check: quotaExceeded('active namespaces that one subject created'),
  space_counters_quota_check: quotaExceeded('active spaces in a namespace'),
  namespaces_members_quota_check: quotaExceeded('members in a namespace'),
};

/** @returns the problem of a write to a path that another folder or asset has */
export function pathTaken(): ServiceError {
  return new ServiceError(
    'path_conflict',
    'There is something at this path already. Send another "path".',
  );
}

/** @returns the problem of a deletion of a folder in which something is */
export function folderNotEmpty(): ServiceError {
  return new ServiceError(
    'folder_not_empty',
    'The folder holds folders, episodes or assets. Move or delete them first.',
  );
}

function namespaceSlugTaken({ slug }: Attempt): ServiceError {
  return new ServiceError(
    'slug_conflict',
    `Another namespace has the slug "${slug ?? ''}", or had it until recently. Send another.`,
  );
}

/** @param counted what there may not be more of */
function quotaExceeded(counted: string) {
  return ({ quota }: Attempt) =>
    new ServiceError(
      'quota_exceeded',
      `There may be ${quota ?? 0} ${counted}, and this would be one more. Delete or remove what is not needed.`,
    );
}

/** @returns the problem of a request whose key another one holds that is still being answered */
export function keyInUse(): ServiceError {
  return new ServiceError(
    'idempotency_key_in_use',
    'An earlier request with this Idempotency-Key is still being answered. Repeat this one soon.',
  );
}

/** SQLSTATEs of a violated foreign key, unique index and check. */
const violations = new Set(['23503', '23505', '23514']);

/** @returns the error of the driver; Drizzle wraps it in one whose message holds the parameters */
function driverError(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error;
}

/** @returns the SQLSTATE that PostgreSQL answered with, or null when it was not PostgreSQL */
export function sqlState(error: unknown): string | null {
  const cause = driverError(error);
  return cause instanceof postgres.PostgresError ? cause.code : null;
}

/**
 * @returns whether PostgreSQL took the statement back to let another go on (a deadlock, a
 *   serialization failure), so that it has done nothing and can be run again
 */
export function wasRolledBack(error: unknown): boolean {
  return sqlState(error)?.startsWith('40') ?? false;
}

/** @returns whether a part of the message may be what the caller sent: a data exception (class 22), and Drizzle's */
export function quotesCaller(error: Error): boolean {
  return (
    error instanceof DrizzleQueryError ||
    (error instanceof postgres.PostgresError && error.code.startsWith('22'))
  );
}

/** @returns whether PostgreSQL refused to write, as a standby does */
export function isReadOnly(error: unknown): boolean {
  return sqlState(error) === READ_ONLY;
}

/** @returns whether the connection ended before there was an answer: it may have been carried out */
export function wasCutOff(error: unknown): boolean {
  const state = sqlState(error);
  return state === null ? cutOff.has(failureCode(error) ?? '') : endingStates.has(state);
}

/** @returns what the driver or the system calls the failure */
function failureCode(error: unknown): string | null {
  const cause = driverError(error);
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : null;
}

/**
 * Makes of a failed statement what the caller may know of it.
 *
 * @param error what Drizzle or postgres.js threw
 * @param attempt what was being written, for the message of a conflict
 * @returns a `ServiceError`, or the driver's error without Drizzle's message around it, because
 *   that holds the statement and its parameters
 */
export function translate(error: unknown, attempt: Attempt): unknown {
  const cause = driverError(error);
  if (cause instanceof postgres.PostgresError) {
    const conflict = violations.has(cause.code) && constraints[cause.constraint_name ?? ''];
    if (conflict) return conflict(attempt);
    if (transientStates.some((state) => cause.code.startsWith(state))) return unavailable(cause);
    return cause;
  }
  return connectionFailures.has(failureCode(error) ?? '') ? unavailable(cause) : cause;
}

function unavailable(cause: unknown): ServiceError {
  const detail = tooLong.has(failureCode(cause) ?? '')
    ? 'The database took too long. Try again soon; where a list was asked for, with filters that fewer fit.'
    : 'The database cannot answer right now. Try again soon.';
  return new ServiceError('unavailable', detail, { cause });
}
