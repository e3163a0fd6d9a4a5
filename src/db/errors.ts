import { DrizzleQueryError } from 'drizzle-orm';
import postgres from 'postgres';
import { Failure } from '../failure.js';

/** The database is not usable; the message gives the reason and the remedy. */
export class DatabaseNotReadyError extends Error {
  override readonly name = 'DatabaseNotReadyError';
}

/** The codes of postgres.js for failures of a connection, beside those of the system. */
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
const connectionLoss = new Set(['CONNECTION_CLOSED', 'ECONNRESET', 'EPIPE']);

/** SQLSTATEs that PostgreSQL ends a connection with: shutdown, crash, not yet recovered. */
const endingStates = new Set(['57P01', '57P02', '57P03']);

/** The write that violated a constraint. */
interface Attempt {
  slug?: string | null;
  quota?: number | null;
}

/** The meaning of a violated constraint, by the end of its name; the start of the name is the table. */
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

/** The suffix that Citus gives the name of a constraint in a shard. */
const SHARD = /_\d{6,}$/;

/** SQLSTATEs of a violated foreign key, unique index and check. */
const violations = new Set(['23503', '23505', '23514']);

/** @returns the error of the driver; Drizzle wraps it in an error whose message contains the parameters */
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
export function isSerializationFailure(error: unknown): boolean {
  return sqlState(error)?.startsWith('40') ?? false;
}

/**
 * @returns whether the message may contain data of the caller: that of a data exception (class 22), and that
 *   of Drizzle
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

/** How PgBouncer refuses a connection because of a setting that it does not pass on. */
const REFUSED_SETTING = /^unsupported startup parameter(?: in options)?: (\w+)/;

/** @returns the name of the setting because of which a pooler refused a connection, or null */
export function refusedSetting(error: unknown): string | null {
  const cause = driverError(error);
  if (!(cause instanceof postgres.PostgresError) || cause.code !== PROTOCOL_VIOLATION) return null;
  return REFUSED_SETTING.exec(cause.message)?.[1] ?? null;
}

/** @returns whether the connection ended before there was an answer: it may have been carried out */
export function isConnectionLost(error: unknown): boolean {
  const state = sqlState(error);
  return state === null ? connectionLoss.has(failureCode(error) ?? '') : endingStates.has(state);
}

/** @returns the code of the failure, of the driver or of the system */
function failureCode(error: unknown): string | null {
  const cause = driverError(error);
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'string' ? code : null;
}

/**
 * Turns the error of a statement into a failure that the caller may see.
 *
 * @param error of Drizzle or postgres.js
 * @param attempt the values being written, for the message of a conflict
 * @returns a `Failure`, or the driver's error without the wrapper of Drizzle, because the message of that
 *   contains the statement and its parameters
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
  // Citus gives the name with the number of the shard, and sometimes only in the message.
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
