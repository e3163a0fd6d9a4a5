import { Failure } from '../../failure.js';
import { includesRole } from '../access/principal.js';
import { untilDone } from '../retry.js';
import { type Expected, expectTag } from '../version.js';
import type { ContentItem } from './item.js';
import type { ContentResult, ItemState } from './operations.js';
import type { AnswerRow } from './rows.js';

/** @returns the result of a read, with null for a deleted item */
export function active(outcome: ContentResult<ItemState>): ContentResult<ItemState> {
  return outcome?.value?.isDeleted ? { ...outcome, value: null } : outcome;
}

/**
 * Finds out from the current state of an item why a write did nothing.
 *
 * @throws `Failure` `write_protected` or `precondition_failed`
 * @returns whether to retry the write, because the item has changed in between
 */
export function explainMiss(outcome: ContentResult<ItemState>, expected: Expected): boolean {
  if (!outcome?.value || !includesRole(outcome.role, 'editor')) return false;
  if (outcome.value.isProtected) throw writeProtected();
  expectTag(outcome.value.tag, expected);
  return true;
}

/**
 * @returns the result of a write that needs no explanation: it wrote a complete item, or the caller may not
 *   write here; undefined if the reason or the item must be read
 */
export function settled<Row extends AnswerRow>(
  outcome: ContentResult<Row>,
): ContentResult<Row & { item: string }> | undefined {
  if (!outcome?.isSpace || !includesRole(outcome.role, 'editor')) {
    return outcome && { ...outcome, value: null };
  }
  const { value } = outcome;
  if (!value || value.item === null) return undefined;
  return { ...outcome, value: { ...value, item: value.item } };
}

interface Write {
  write: () => Promise<ContentResult<AnswerRow>>;
  /** reads the item; `isWritten` tells whether the write took place, which may have renamed the item */
  read: (isWritten: boolean) => Promise<ContentResult<ItemState>>;
}

/**
 * Writes an existing item, and retries while it changes concurrently.
 *
 * @throws `Failure` `write_protected` or `precondition_failed`
 */
export async function writeOrExplain(
  { write, read }: Write,
  expected: Expected,
): Promise<ContentResult<ContentItem>> {
  return untilDone(async () => {
    const outcome = await write();
    const result = settled(outcome);
    if (result !== undefined) return result;
    // The item is null if its new folder is more recent than the snapshot.
    const isWritten = Boolean(outcome?.value);
    const found = active(await read(isWritten));
    return isWritten || !explainMiss(found, expected) ? found : undefined;
  });
}

/** @returns the failure of a write to a protected episode, or to an asset in it */
function writeProtected(): Failure {
  return new Failure('write_protected', {});
}
