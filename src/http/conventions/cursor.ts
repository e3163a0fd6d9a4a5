import { createHash } from 'node:crypto';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { invalid } from '../errors/problem.js';
import { isText } from '../server/keywords.js';
import { INT32_MAX } from './schemas.js';

/** @returns whether a cursor stands for the first page: `start`, or empty, which some clients cannot send */
export function isStart(cursor: string): boolean {
  return cursor === '' || cursor === 'start';
}

const CursorPosition = Type.Object({
  namespaceId: Type.String(),
  /** of a list of a space's contents */
  spaceId: Type.Optional(Type.String()),
  /** the number of the page that it leads to, from 2 */
  page: Type.Integer({ minimum: 2, maximum: INT32_MAX }),
  total: Type.Integer({ minimum: 0, maximum: INT32_MAX }),
  key: Type.String(),
  id: Type.String(),
});

/** The position that a cursor holds. */
export type CursorPosition = Static<typeof CursorPosition>;

const Cursor = Type.Object({ digest: Type.String(), ...CursorPosition.properties });

/** The PostgreSQL types of the values of a position. */
export type KeyType = 'text' | 'time' | 'uuid';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether PostgreSQL can parse a value, which is bound as a parameter. */
const isReadable: Record<KeyType, (value: string) => boolean> = {
  text: isText,
  time: (value) => {
    const time = new Date(value);
    // Years before 1 and after 9999 are not supported.
    return (
      /^(?!0000)\d{4}-/.test(value) && !Number.isNaN(time.getTime()) && time.toISOString() === value
    );
  },
  uuid: (value) => UUID.test(value),
};

/** One list and the order of its items. */
export interface CursorList {
  /** identifies the list, including its order and filters */
  list: string;
  /** the types of the key and the id of a position */
  types: { key: KeyType; id: KeyType };
}

/** A checksum that detects a cursor of another list and a damaged one. It is not a signature. */
function digestOf(
  list: string,
  { namespaceId, spaceId, page, total, key, id }: CursorPosition,
): string {
  const container = spaceId === undefined ? [namespaceId] : [namespaceId, spaceId];
  const text = JSON.stringify([list, ...container, page, total, key, id]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

/** @returns an opaque cursor that is valid for this list only */
export function encodeCursor({ list }: Pick<CursorList, 'list'>, position: CursorPosition): string {
  const cursor = { digest: digestOf(list, position), ...position };
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

/** @throws `ServiceError` `validation_failed` for an invalid cursor, or one of another list */
export function decodeCursor({ list, types }: CursorList, cursor: string): CursorPosition {
  const decoded = parse(Buffer.from(cursor, 'base64url').toString());
  if (
    !Value.Check(Cursor, decoded) ||
    decoded.digest !== digestOf(list, decoded) ||
    !isReadable[types.key](decoded.key) ||
    !isReadable[types.id](decoded.id)
  ) {
    throw foreignCursor();
  }
  return decoded;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @returns the problem of a cursor that does not belong to the list it was sent to */
export function foreignCursor() {
  return invalid('query string', [
    {
      path: '/cursor',
      code: 'cursor',
      message: 'is not a cursor of this list with these filters: begin again with `start`',
    },
  ]);
}
