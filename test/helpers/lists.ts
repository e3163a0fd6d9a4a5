import { type Static, Type } from '@sinclair/typebox';
import type { Client } from './app.js';
import { read } from './spaces.js';

export const Item = Type.Object({ slug: Type.String(), deletedAt: Type.Optional(Type.Unknown()) });

/** A list in any order and state. */
export const List = Type.Object({
  spaces: Type.Array(Item),
  page: Type.Integer(),
  pageSize: Type.Integer(),
  total: Type.Integer(),
  totalPages: Type.Integer(),
});

export const CursorPage = Type.Object({
  ...List.properties,
  nextCursor: Type.Union([Type.String(), Type.Null()]),
});

/** The parameters of a query string; those with several values are repeated. */
export type Query = Record<string, string | string[]>;

export function search(query: Query): string {
  const parameters = new URLSearchParams();
  for (const [name, values] of Object.entries(query)) {
    for (const value of [values].flat()) parameters.append(name, value);
  }
  return parameters.toString();
}

export async function list(client: Client, path: string, query: Query) {
  return read(await client.get(`${path}?${search(query)}`), List);
}

export const slugsOf = ({ spaces }: Pick<Static<typeof List>, 'spaces'>): string[] =>
  spaces.map(({ slug }) => slug);

/** Reads the page at a cursor. */
export async function readPage(client: Client, path: string, query: Query, cursor: string) {
  return read(await client.get(`${path}?${search({ ...query, cursor })}`), CursorPage);
}

/**
 * Reads every page of a list by cursor.
 *
 * @param between runs after each page
 */
export async function readAll(
  client: Client,
  path: string,
  query: Query,
  between: () => Promise<unknown> = () => Promise.resolve(),
): Promise<Static<typeof CursorPage>[]> {
  const pages: Static<typeof CursorPage>[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: Static<typeof CursorPage> = await readPage(client, path, query, cursor);
    pages.push(page);
    cursor = page.nextCursor;
    await between();
  }
  return pages;
}
