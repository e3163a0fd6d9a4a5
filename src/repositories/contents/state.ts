import { Failure } from '../../failure.js';
import { includesRole } from '../access/principal.js';
import { type Expected, expectTag } from '../version.js';
import type { ContentItem } from './item.js';
import type { AnswerRow, ContentResult, ItemState } from './operations.js';

/** @returns the result of a read without deleted items */
export function active(outcome: ContentResult<ItemState>): ContentResult<ItemState> {
  return outcome?.value?.isDeleted ? { ...outcome, value: null } : outcome;
}

/**
 * Explains why a write of an item wrote nothing, from its current state.
 *
 * @throws `Failure` `write_protected` or `precondition_failed`
 * @returns whether the write can be retried, because the item changed in between
 */
export function explainMiss(outcome: ContentResult<ItemState>, expected: Expected): boolean {
  if (!outcome?.value || !includesRole(outcome.role, 'editor')) return false;
  if (outcome.value.isProtected) throw writeProtected();
  expectTag(outcome.value.tag, expected);
  return true;
}

interface Write {
  write: () => Promise<ContentResult<AnswerRow>>;
  /** reads the item, given whether it was written, which may have given it another name */
  read: (isWritten: boolean) => Promise<ContentResult<ItemState>>;
}

/**
 * Writes an item that is there, again while it is changed in between.
 *
 * @throws `Failure` `write_protected` or `precondition_failed`
 */
export async function writeOrExplain(
  { write, read }: Write,
  expected: Expected,
): Promise<ContentResult<ContentItem>> {
  for (;;) {
    const outcome = await write();
    if (!outcome?.isSpace || !includesRole(outcome.role, 'editor')) {
      return outcome && { ...outcome, value: null };
    }
    const { value } = outcome;
    if (value && value.item !== null) return { ...outcome, value: { ...value, item: value.item } };
    // Without the item, the folder it has come to lie in is younger than the snapshot.
    const found = active(await read(value !== null));
    if (value || !explainMiss(found, expected)) return found;
  }
}

/** @returns the failure of a write to a protected episode, or to an asset in it */
function writeProtected(): Failure {
  return new Failure('write_protected', {});
}
