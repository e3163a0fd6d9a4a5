import { sql } from 'drizzle-orm';
import { isConnectionLost, isSerializationFailure, toFailure } from '../../db/errors.js';
import { inSpan } from '../../db/tracing.js';

/** Positional values are Drizzle's business; statements are written with these names. */
export const param = sql.placeholder;

/** A prepared statement of Drizzle. */
export interface Statement<Row> {
  getQuery(): { sql: string };
  execute(values: Record<string, unknown>): Promise<Row[]>;
}

/** Makes a statement of a query that is not worth to be prepared; costs a round trip more. */
export function unprepared<Row>(query: {
  toSQL(): { sql: string };
  execute(values: Record<string, unknown>): Promise<Row[]>;
}): Statement<Row> {
  return { getQuery: () => query.toSQL(), execute: (values) => query.execute(values) };
}

/** The parameters of a statement. `slug` is the slug being written, `quota` the most rows that there may be. */
export type Values = Record<string, unknown> & { slug?: string | null; quota?: number | null };

/** How often a statement is tried that PostgreSQL rolls back in favour of others. */
const ATTEMPTS = 5;

interface ExecuteOptions {
  /**
   * Whether the statement is run once more when its connection is lost. Only for a statement that may run twice:
   * it only reads, or it has its effect once.
   */
  retryOnDisconnect?: boolean;
}

/**
 * Executes a prepared statement, again where PostgreSQL has rolled it back in favour of another.
 *
 * @returns its rows
 * @throws `Failure` where the error has a meaning for the caller, otherwise the driver's error
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
      const isRetried = isSerializationFailure(error)
        ? attempt < ATTEMPTS
        : retryOnDisconnect && attempt === 1 && isConnectionLost(error);
      if (!isRetried) throw toFailure(error, values);
    }
  }
}

/** As `executeMany`, for a statement that answers at most one row. */
export async function executeOne<Row>(
  statement: Statement<Row>,
  values: Values,
  options?: ExecuteOptions,
): Promise<Row | undefined> {
  return (await executeMany(statement, values, options))[0];
}
