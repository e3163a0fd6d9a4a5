import { Failure } from '../../failure.js';
import { includesRole } from '../access/principal.js';
import { type Expected, expectTag } from '../version.js';
import type { ContentItem } from './item.js';
import type { AnswerRow, ContentOutcome, ItemState } from './operations.js';

/** @returns the outcome of a read: what is deleted is not there */
export function active(outcome: ContentOutcome<ItemState>): ContentOutcome<ItemState> {
  return outcome?.value?.isDeleted ? { ...outcome, value: null } : outcome;
}

/**
 * Tells why a write of an item wrote nothing, from what is there now.
 *
 * @throws `Failure` `write_protected` or `precondition_failed`
 * @returns whether it can be written now after all, because it was changed in between
 */
export function explainMiss(outcome: ContentOutcome<ItemState>, expected: Expected): boolean {
  if (!outcome?.value || !includesRole(outcome.role, 'editor')) return false;
  if (outcome.value.isProtected) throw writeProtected();
  expectTag(outcome.value.tag, expected);
  return true;
}

interface Write {
  write: () => Promise<ContentOutcome<AnswerRow>>;
  /** reads the item, given whether it was written, which may have given it another name */
  read: (isWritten: boolean) => Promise<ContentOutcome<ItemState>>;
}

/**
 * Writes an item that is there, again while it is changed in between.
 *
 * @throws `Failure` `write_protected` or `precondition_failed`
 */
export async function writeOrExplain(
  { write, read }: Write,
  expected: Expected,
): Promise<ContentOutcome<ContentItem>> {
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

/** @returns the problem of a write to an episode that is protected, or to what is in it */
function writeProtected(): Failure {
  return new Failure('write_protected', {});
}
