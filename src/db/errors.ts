import { DrizzleQueryError } from 'drizzle-orm';
import postgres from 'postgres';
import { Failure } from '../failure.js';

/** The database is not usable; the message names the cause and the fix. */
export class DatabaseNotReadyError extends Error {
  override readonly name = 'DatabaseNotReadyError';
}

/** The codes of connection failures, of postgres.js and of the operating system. */
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

const PROTOCOL_VIOLATION = '08P01';

/** The error of `rollBackUnless`. */
const DIVISION_BY_ZERO = '22012';

/** Statement timeout: of PostgreSQL (query_canceled), and of the service where PostgreSQL does not respond. */
const tooLong = new Set(['57014', 'ETIMEDOUT']);

/**
 * SQLSTATEs, or classes of them, of temporary failures:
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const transientStates = [
  '08', // connection exception
  DIVISION_BY_ZERO,
  '28', // invalid authorization: a password that is being replaced
  READ_ONLY, // a standby, or a primary that rejects writes at the moment
  '40', // transaction rollback: deadlock, serialization
  '53', // insufficient resources: too many connections, disk full
  '55P03', // lock not available
  '57', // operator intervention: shutdown, crash, starting up, statement timeout
];

/** The codes of postgres.js and the operating system for a connection that was lost during a statement. */
const connectionLoss = new Set(['CONNECTION_CLOSED', 'ECONNRESET', 'EPIPE']);

/** SQLSTATEs with which PostgreSQL closes a connection: shutdown, crash, not yet recovered. */
const endingStates = new Set(['57P01', '57P02', '57P03']);

/** The values of the write that violated a constraint. */
interface Attempt {
  slug?: string | null;
  quota?: number | null;
}

/** The meaning of a violated constraint, by the end of its name; the start names the table, and the column of a quota. */
const meanings: Record<string, (table: string, attempt: Attempt) => Failure> = {
  _slug_unique: (table, { slug }) => new Failure('slug_taken', { table, slug: slug ?? '' }),
  _slugs_pkey: (table, { slug }) => new Failure('slug_taken', { table, slug: slug ?? '' }),
  _name_unique: (table) => new Failure('name_taken', { table }),
  _path_unique: () => new Failure('path_taken', {}),
  _path_check: () => new Failure('path_too_long', {}),
  _folder_fk: () => new Failure('folder_not_empty', {}),
  _quota_check: (table, { quota }) => new Failure('quota_exceeded', { table, quota: quota ?? 0 }),
  _operation_key_pk: () => new Failure('key_in_use', {}),
};

/** The suffix of a constraint name on a shard of Citus. */
const SHARD = /_\d{6,}$/;

/** SQLSTATEs of a violated foreign key, unique index and check. */
const violations = new Set(['23503', '23505', '23514']);

/** @returns the driver's error; Drizzle wraps it in an error whose message contains the parameters */
function driverError(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof Error ? error.cause : error;
}

/** @returns the SQLSTATE of an error of PostgreSQL, null for any other error */
export function sqlState(error: unknown): string | null {
  const cause = driverError(error);
  return cause instanceof postgres.PostgresError ? cause.code : null;
}

/**
 * @returns whether PostgreSQL rolled the statement back because of another one (deadlock, serialization failure,
 *   `rollBackUnless`), so that it can be retried
 */
export function isRolledBack(error: unknown): boolean {
  const state = sqlState(error);
  return state !== null && (state.startsWith('40') || state === DIVISION_BY_ZERO);
}

/**
 * @returns whether the message may contain data of the caller, as those of a data exception (class 22) and of
 *   Drizzle do
 */
export function quotesCaller(error: Error): boolean {
  return (
    error instanceof DrizzleQueryError ||
    (error instanceof postgres.PostgresError && error.code.startsWith('22'))
  );
}

/** @returns whether PostgreSQL rejected a write, as a standby does */
export function isReadOnly(error: unknown): boolean {
  return sqlState(error) === READ_ONLY;
}

/** The error of PgBouncer for a startup parameter that it does not support. */
const REFUSED_SETTING = /^unsupported startup parameter(?: in options)?: (\w+)/;

/** @returns the setting because of which a pooler rejected the connection, or null */
export function refusedSetting(error: unknown): string | null {
  const cause = driverError(error);
  if (!(cause instanceof postgres.PostgresError) || cause.code !== PROTOCOL_VIOLATION) return null;
  return REFUSED_SETTING.exec(cause.message)?.[1] ?? null;
}

/** @returns whether the connection was lost before the response: the statement may have been executed */
export function isConnectionLost(error: unknown): boolean {
  const state = sqlState(error);
  return state === null ? connectionLoss.has(failureCode(error) ?? '') : endingStates.has(state);
}

/** @returns the error code of the driver or the operating system */
function failureCode(error: unknown): string | null {
  const cause = driverError(error);
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : null;
}

/**
 * Converts the error of a statement to a failure that the caller may see.
 *
 * @param error of Drizzle or postgres.js
 * @param attempt the values of the write, for the message of a conflict
 * @returns a `Failure`, or the driver's error without Drizzle's wrapper, whose message contains the statement
 *   and its parameters
 */
export function toFailure(error: unknown, attempt: Attempt): unknown {
  const cause = driverError(error);
  if (cause instanceof postgres.PostgresError) {
    const meaning = violations.has(cause.code) ? meaningOf(cause, attempt) : null;
    if (meaning) return meaning;
    if (transientStates.some((state) => cause.code.startsWith(state))) return unavailable(cause);
    return cause;
  }
  return connectionFailures.has(failureCode(error) ?? '') ? unavailable(cause) : cause;
}

function meaningOf({ constraint_name: name, message }: postgres.PostgresError, attempt: Attempt) {
  // Citus appends the number of the shard to the name, and sometimes reports it only in the message.
  const given = name ?? /constraint "([^"]+)"/.exec(message)?.[1] ?? '';
  const constraint = given.replace(SHARD, '');
  for (const [end, make] of Object.entries(meanings)) {
    if (constraint.endsWith(end)) return make(constraint.slice(0, -end.length), attempt);
  }
  return null;
}

function unavailable(cause: unknown): Failure {
  return new Failure('unavailable', { isSlow: tooLong.has(failureCode(cause) ?? '') }, { cause });
}
