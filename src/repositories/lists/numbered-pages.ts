import { Failure } from '../../failure.js';

/** Maximum offset of a numbered page where PostgreSQL has to skip each item before it. */
export const SKIPPED_MAX = 10_000;

/** @returns the offset and limit to read for a page; for a deep page no items, only the total */
export function readable(page: Page): Page {
  return page.offset > SKIPPED_MAX ? { offset: 0, limit: 0 } : page;
}

/**
 * @param total the number of items in the list; a page past the end is empty, and not too deep
 * @throws `Failure` `page_too_deep`
 */
export function expectReadable({ offset }: Page, total: number): void {
  if (offset <= SKIPPED_MAX || offset >= total) return;
  throw new Failure('page_too_deep', { skippedMax: SKIPPED_MAX });
}

/** The offset and the limit of a numbered page. */
export interface Page {
  offset: number;
  limit: number;
}
