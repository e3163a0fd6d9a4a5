import { ServiceError } from '../../errors.js';
import { includesRole } from '../access.js';
import { type Expected, expectTag } from '../version.js';
import type { ContentOutcome, ItemState } from './operations.js';

/** @returns the outcome of a read: what is deleted is not there */
export function active(outcome: ContentOutcome<ItemState>): ContentOutcome<ItemState> {
  return outcome?.value?.isDeleted ? { ...outcome, value: null } : outcome;
}

/**
 * Tells why a write of an item wrote nothing, from what is there now.
 *
 * @throws `ServiceError` `write_protected` or `precondition_failed`
 * @returns whether it can be written now after all, because it was changed in between
 */
export function explainMiss(outcome: ContentOutcome<ItemState>, expected: Expected): boolean {
  if (!outcome?.value || !includesRole(outcome.role, 'editor')) return false;
  if (outcome.value.isProtected) throw writeProtected();
  expectTag(outcome.value.tag, expected);
  return true;
}

/** @returns the problem of a write to an episode that is protected, or to what is in it */
function writeProtected(): ServiceError {
  return new ServiceError(
    'write_protected',
    'The episode is write-protected for good: neither it nor an asset in it can be changed, moved or deleted.',
  );
}
