import { createHash } from 'node:crypto';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { invalid } from '../errors/problem.js';
import { isText } from '../server/keywords.js';
import { INT32_MAX } from './schemas.js';

/** @returns whether a walk begins: by `start`, or by the empty cursor, which some clients cannot send */
export function isStart(cursor: string): boolean {
  return cursor === '' || cursor === 'start';
}

const CursorPosition = Type.Object({
  namespaceId: Type.String(),
  /** the part of the walk that it leads to, from 2 */
  page: Type.Integer({ minimum: 2, maximum: INT32_MAX }),
  total: Type.Integer({ minimum: 0, maximum: INT32_MAX }),
  key: Type.String(),
  id: Type.String(),
});

/** The position of a walk through a list. */
export type CursorPosition = Static<typeof CursorPosition>;

const Cursor = Type.Object({ digest: Type.String(), ...CursorPosition.properties });

/** The types that the values of a position have in PostgreSQL. */
export type KeyType = 'text' | 'time' | 'uuid';

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Values are bound as parameters; PostgreSQL must be able to read them. */
const isReadable: Record<KeyType, (value: string) => boolean> = {
  text: isText,
  time: (value) => {
    const time = new Date(value);
    // Without the years before 1 and after 9999.
    return (
      /^(?!0000)\d{4}-/.test(value) && !Number.isNaN(time.getTime()) && time.toISOString() === value
    );
  },
  uuid: (value) => UUID.test(value),
};

/** One list and the order of its items. */
export interface CursorList {
  /** names the list, down to its last filter */
  list: string;
  /** the types of the key and of the id that a position holds */
  types: { key: KeyType; id: KeyType };
}

/** Detects a cursor of another list, and one that was damaged on its way. It is not secret. */
function digestOf(list: string, { namespaceId, page, total, key, id }: CursorPosition): string {
  const text = JSON.stringify([list, namespaceId, page, total, key, id]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 16);
}

/** @returns an opaque cursor, valid for this list only */
export function encodeCursor({ list }: Pick<CursorList, 'list'>, position: CursorPosition): string {
  const cursor = { digest: digestOf(list, position), ...position };
  return Buffer.from(JSON.stringify(cursor)).toString('base64url');
}

/** @throws `ServiceError` `validation_failed` for a cursor that is not one of this list */
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
      message: 'is not from this list with these filters; begin again with `start`',
    },
  ]);
}
