import type { JsonObject } from '../db/schema/columns.js';
import { isFailure } from '../failure.js';
import { includesRole, type Role } from './access/principal.js';
import { type Expected, expectTag } from './version.js';

/** Makes metadata from the stored metadata. */
export type MergeMetadata = (stored: JsonObject | null) => JsonObject | null;

interface Resource<Result extends { value: unknown }, Changes> {
  /** the least role that a write takes */
  needed: Role;
  /** @returns the version and the metadata of a value */
  stateOf: (value: NonNullable<Result['value']>) => { tag: string; metadata: JsonObject | null };
  read: () => Promise<Result | null>;
  /** writes the given fields of one of the expected versions; throws `precondition_failed` of another */
  write: (changes: Changes, expected: Expected) => Promise<Result | null>;
}

/**
 * Writes the given fields of a resource and no others.
 *
 * With `merge` the metadata is made from the stored one. When another caller writes the resource in between,
 * it is made again, so that neither write is lost: each repetition is the success of another.
 *
 * @throws `Failure` `precondition_failed` when the resource has none of the expected versions, and the
 *   failures of `write`
 */
export async function updateFields<
  Result extends { role: Role; value: unknown },
  Changes extends { metadata?: JsonObject | null },
>(
  { needed, stateOf, read, write }: Resource<Result, Changes>,
  changes: Changes,
  expected: Expected,
  merge: MergeMetadata | null,
): Promise<Result | null> {
  if (Object.keys(changes).length > 0 && !merge) return write(changes, expected);
  for (;;) {
    const current = await read();
    if (!current?.value || !includesRole(current.role, needed)) return current;
    const { tag, metadata } = stateOf(current.value);
    expectTag(tag, expected);
    // Without changes there is no new version.
    if (!merge) return current;
    try {
      const merged = { ...changes, metadata: merge(metadata) };
      return await write(merged, { oneOf: [tag], noneOf: null });
    } catch (error) {
      if (!isFailure(error, 'precondition_failed')) throw error;
    }
  }
}
