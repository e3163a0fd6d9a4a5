/** Reads files of the project as data. */
import { readdir, readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import type { Static, TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { parseAllDocuments } from 'yaml';

/** @throws where a value does not fit its schema; the message names the place */
export function as<Schema extends TSchema>(
  schema: Schema,
  value: unknown,
  what: string,
): Static<Schema> {
  if (Value.Check(schema, value)) return value;
  const error = Value.Errors(schema, value).First();
  throw new TypeError(`${what}${error?.path ?? ''}: ${error?.message ?? ''}`);
}

export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => posix.join(entry.parentPath, entry.name));
}

/** @returns the documents of a file, read as kubectl reads it */
export async function documentsOf(file: string): Promise<unknown[]> {
  return parseAllDocuments(await readFile(file, 'utf8'), { version: '1.1' }).map((document) => {
    const [error] = [...document.errors, ...document.warnings];
    if (error) throw error;
    const value: unknown = document.toJS();
    return value;
  });
}

/** @returns a number that is a constant of a source file */
export async function constantOf(file: string, name: string): Promise<number> {
  const text = await readFile(file, 'utf8');
  const [, value = ''] = new RegExp(`^const ${name} = ([\\d_]+);`, 'm').exec(text) ?? [];
  return Number(value.replaceAll('_', ''));
}
