import { readFile } from 'node:fs/promises';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type postgres from 'postgres';

/** Written by `npm run statements:release`. */
export const STATEMENTS_FILE = 'test/db/released-statements.json';

const Released = Type.Object({
  /** the time of the last migration of the released version */
  migratedAt: Type.Integer(),
  /** the texts of the statements that the released version prepares */
  statements: Type.Array(Type.String()),
});

/** @returns the last migration and the statements of the released version */
export async function readReleased() {
  return Value.Decode(Released, JSON.parse(await readFile(STATEMENTS_FILE, 'utf8')));
}

/**
 * Prepares statements, which checks their tables, columns, functions and types.
 *
 * @returns those that PostgreSQL rejects, with its reason
 */
export async function statementErrors(sql: postgres.Sql, statements: readonly string[]) {
  const errors: { statement: string; message: string }[] = [];
  for (const statement of statements) {
    try {
      await sql.unsafe(statement, [], { prepare: true }).describe();
    } catch (error) {
      errors.push({ statement, message: String(error) });
    }
  }
  return errors;
}
