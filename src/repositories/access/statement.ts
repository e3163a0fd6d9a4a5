import { sql } from 'drizzle-orm';
import { translate, wasCutOff, wasRolledBack } from '../../db/errors.js';
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

/**
 * The parameters of a statement. `slug`, where there is one, is the slug being written, `quota` the most that there may
 * be of what is being created.
 */
export type Values = Record<string, unknown> & { slug?: string | null; quota?: number | null };

/** How often a statement is tried that PostgreSQL takes back in favour of others. */
const ATTEMPTS = 5;

/**
 * Runs a prepared statement that may write.
 *
 * @throws `Failure` where the failure has a meaning, otherwise the driver's error
 */
export function runAll<Row>(statement: Statement<Row>, values: Values): Promise<Row[]> {
  return execute(statement, values, false);
}

/** As `runAll`, for a statement that answers at most one row. */
export async function run<Row>(
  statement: Statement<Row>,
  values: Values,
): Promise<Row | undefined> {
  return (await execute(statement, values, false))[0];
}

/**
 * As `runAll`, for a statement that may be run twice, because it only reads or because it has its
 * effect once: when it has lost its connection it is run once more.
 */
export function repeatAll<Row>(statement: Statement<Row>, values: Values): Promise<Row[]> {
  return execute(statement, values, true);
}

/** As `repeatAll`, for a statement that answers at most one row. */
export async function repeat<Row>(
  statement: Statement<Row>,
  values: Values,
): Promise<Row | undefined> {
  return (await execute(statement, values, true))[0];
}

async function execute<Row>(
  statement: Statement<Row>,
  values: Values,
  repeatable: boolean,
): Promise<Row[]> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await inSpan(statement, () => statement.execute(values));
    } catch (error) {
      const again = wasRolledBack(error)
        ? attempt < ATTEMPTS
        : repeatable && attempt === 1 && wasCutOff(error);
      if (!again) throw translate(error, values);
    }
  }
}
