import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { JsonObject } from '../../db/schema/columns.js';
import { ServiceError } from '../../errors.js';
import { includesRole } from '../access/principal.js';
import { type Expected, expectTag } from '../version.js';
import type { ContentItem } from './item.js';
import type { ContentOutcome } from './operations.js';

/** Makes metadata of what is stored. */
export type MergeMetadata = (stored: JsonObject | null) => JsonObject | null;

interface Resource<Changes> {
  read: () => Promise<ContentOutcome<ContentItem>>;
  write: (changes: Changes, expected: Expected) => Promise<ContentOutcome<ContentItem>>;
}

/**
 * Writes the given fields of an item, where there are some.
 *
 * With `merge` the metadata is made from what is stored. When another caller writes the item in between, it
 * is made anew, so neither loses the other's.
 *
 * @throws `ServiceError` `precondition_failed`, and what `write` throws
 */
export async function writeFields<Changes extends { metadata?: JsonObject | null }>(
  { read, write }: Resource<Changes>,
  changes: Changes,
  expected: Expected,
  merge: MergeMetadata | null,
): Promise<ContentOutcome<ContentItem>> {
  const hasChanges = Object.keys(changes).length > 0;
  if (hasChanges && !merge) return write(changes, expected);
  for (;;) {
    const current = await read();
    if (!current?.value || !includesRole(current.role, 'editor')) return current;
    const { tag, item } = current.value;
    expectTag(tag, expected);
    if (!merge) return current;
    const metadata = merge(metadataOf(item));
    try {
      return await write({ ...changes, metadata }, { oneOf: [tag], noneOf: null });
    } catch (error) {
      if (!(error instanceof ServiceError) || error.code !== 'precondition_failed') throw error;
    }
  }
}

const WithMetadata = Type.Object({
  metadata: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
});

/** @returns the metadata of an item */
function metadataOf(item: string): JsonObject | null {
  return Value.Decode(WithMetadata, JSON.parse(item)).metadata;
}
