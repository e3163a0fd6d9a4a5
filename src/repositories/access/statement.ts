import { type SQL, sql } from 'drizzle-orm';
import { isConnectionLost, isRolledBack, toFailure } from '../../db/errors.js';
import { inSpan } from '../../db/tracing.js';

/** A named parameter; Drizzle converts names to positions. */
export const param = sql.placeholder;

/** A prepared statement of Drizzle. */
export interface Statement<Row> {
  getQuery(): { sql: string };
  execute(values: Record<string, unknown>): Promise<Row[]>;
}

/** Wraps a query that is not worth preparing, at the cost of one more round trip per execution. */
export function unprepared<Row>(query: {
  toSQL(): { sql: string };
  execute(values: Record<string, unknown>): Promise<Row[]>;
}): Statement<Row> {
  return { getQuery: () => query.toSQL(), execute: (values) => query.execute(values) };
}

/**
 * The parameters of a statement. For the message of a conflict, `slug` is the written slug and `quota` the
 * quota.
 */
export type Values = Record<string, unknown> & { slug?: string | null; quota?: number | null };

/**
 * A condition that is true, or else rolls its statement back, which is then retried. For what only shows after rows
 * have been written: a row that was locked first may have been changed by another statement since the snapshot. A
 * division by zero is the one way to raise an error in plain SQL.
 */
export function rollBackUnless(condition: SQL): SQL {
  return sql`1 / (${condition})::int = 1`;
}

/**
 * Maximum number of attempts of a statement that PostgreSQL rolls back because of a deadlock or serialization
 * failure, or by `rollBackUnless`.
 */
const ATTEMPTS = 5;

interface ExecuteOptions {
  /**
   * Whether to retry the statement once when its connection is lost. Only for a statement that is read-only or
   * idempotent.
   */
  retryOnDisconnect?: boolean;
}

/**
 * Executes a prepared statement, and retries it after a rollback in favour of another one.
 *
 * @returns its rows
 * @throws `Failure` if the error is meaningful to the caller, otherwise the driver's error
 */
export async function executeMany<Row>(
  statement: Statement<Row>,
  values: Values,
  { retryOnDisconnect = false }: ExecuteOptions = {},
): Promise<Row[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inSpan(statement, () => statement.execute(values));
    } catch (error) {
      const isRetried = isRolledBack(error)
        ? attempt < ATTEMPTS
        : retryOnDisconnect && attempt === 1 && isConnectionLost(error);
      if (!isRetried) throw toFailure(error, values);
    }
  }
}

/** As `executeMany`, for a statement that returns at most one row. */
export async function executeOne<Row>(
  statement: Statement<Row>,
  values: Values,
  options?: ExecuteOptions,
): Promise<Row | undefined> {
  return (await executeMany(statement, values, options))[0];
}
