import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { invalid } from '../errors/problem.js';

/** @returns whether a walk begins: by `start`, or by the empty cursor, which some clients cannot send */
export function isStart(cursor: string): boolean {
  return cursor === '' || cursor === 'start';
}

const SEAL_BYTES = 16;

const Place = Type.Object({
  namespaceId: Type.String(),
  /** which part of the walk it leads to, from 2 */
  page: Type.Integer(),
  total: Type.Integer(),
  key: Type.String(),
  id: Type.String(),
});

/** Where a walk through a list has come to. */
export type Place = Static<typeof Place>;

function sealOf(key: Buffer, place: Buffer, list: string): Buffer {
  const seal = createHmac('sha256', key).update(place).update('\0').update(list).digest();
  return seal.subarray(0, SEAL_BYTES);
}

/**
 * @param key that of `cursorKey`
 * @param list says which list it is, down to its last filter
 * @returns a cursor: opaque, and good for that list alone
 */
export function sealCursor(key: Buffer, place: Place, list: string): string {
  const bytes = Buffer.from(JSON.stringify(place));
  return Buffer.concat([sealOf(key, bytes, list), bytes]).toString('base64url');
}

/** @throws `ServiceError` `validation_failed` when it is not one that `sealCursor` made for this list */
export function openCursor(key: Buffer, cursor: string, list: string): Place {
  const bytes = Buffer.from(cursor, 'base64url');
  const [seal, sealed] = [bytes.subarray(0, SEAL_BYTES), bytes.subarray(SEAL_BYTES)];
  const expected = sealOf(key, sealed, list);
  if (seal.length !== SEAL_BYTES || !timingSafeEqual(seal, expected)) throw foreignCursor();
  return Value.Decode(Place, JSON.parse(sealed.toString()));
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
