import { Failure } from '../../failure.js';

/** How many items come before a numbered page, at most, where PostgreSQL passes over each of them. */
export const SKIPPED_MAX = 10_000;

/** @returns the part to read for a page: of a deep one only the total of the list */
export function readable(page: Page): Page {
  return page.offset > SKIPPED_MAX ? { offset: 0, limit: 0 } : page;
}

/**
 * @param total how many items the list has; a page past the end is empty, and not too far inside
 * @throws `Failure` `validation_failed` for a page that is too far inside
 */
export function expectReadable({ offset }: Page, total: number): void {
  if (offset <= SKIPPED_MAX || offset >= total) return;
  throw new Failure('page_too_deep', { skippedMax: SKIPPED_MAX });
}

/** A part of a list: how many come before it, and how many it holds at most. */
export interface Page {
  offset: number;
  limit: number;
}
