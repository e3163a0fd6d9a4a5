import { sql } from 'drizzle-orm';
import { episodes } from '../../db/schema/episodes.js';
import { ServiceError } from '../../errors.js';
import { includesRole } from '../access.js';
import type {
  ContentCaller,
  ContentOperations,
  ContentOutcome,
  ItemState,
} from '../contents/operations.js';
import { type Expected, expectTag } from '../version.js';
import { episodeItem, episodeTag, isNamedEpisode } from './item.js';

/** Prepares the statement that finds an episode by its name, whether or not it is deleted. */
export function findEpisode({ prepareRead, reading }: ContentOperations) {
  const read = prepareRead(
    'episode_find',
    sql`select id::text as ids, ${episodeTag()} as tag, ${episodeItem()} as item,
        deleted_at is not null as is_deleted, write_protected as is_protected
      from ${episodes} where ${isNamedEpisode} and ${reading.allowed}`,
  );
  return (caller: ContentCaller, episode: string) => read(caller, { episode });
}

export type FindEpisode = ReturnType<typeof findEpisode>;

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
export function writeProtected(): ServiceError {
  return new ServiceError(
    'write_protected',
    'The episode is write-protected for good: neither it nor an asset in it can be changed, moved or deleted.',
  );
}
