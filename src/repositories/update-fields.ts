import type { JsonObject } from '../db/schema/columns.js';
import { isFailure } from '../failure.js';
import { includesRole, type Role } from './access/principal.js';
import { untilDone } from './retry.js';
import { type Expected, expectTag } from './version.js';

/** Computes the new metadata from the stored one. */
export type MergeMetadata = (stored: JsonObject | null) => JsonObject | null;

interface Resource<Result extends { value: unknown }, Changes> {
  /** the minimum role for a write */
  needed: Role;
  /** @returns the entity tag and the metadata of a value */
  stateOf: (value: NonNullable<Result['value']>) => { tag: string; metadata: JsonObject | null };
  read: () => Promise<Result | null>;
  /** writes the given fields; throws `precondition_failed` if the resource has none of the expected versions */
  write: (changes: Changes, expected: Expected) => Promise<Result | null>;
}

/**
 * Updates the given fields of a resource.
 *
 * With `merge` the new metadata is computed from the stored one. If another caller writes the resource in
 * between, it is computed again, so that no write is lost. Each retry means that another write has succeeded.
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
  return untilDone(async () => {
    const current = await read();
    if (!current?.value || !includesRole(current.role, needed)) return current;
    const { tag, metadata } = stateOf(current.value);
    expectTag(tag, expected);
    // An empty update writes nothing, and keeps the version.
    if (!merge) return current;
    try {
      const merged = { ...changes, metadata: merge(metadata) };
      return await write(merged, { oneOf: [tag], noneOf: null });
    } catch (error) {
      if (!isFailure(error, 'precondition_failed')) throw error;
      return undefined;
    }
  });
}
