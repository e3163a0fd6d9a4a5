import { ServiceError } from '../../errors.js';

/** How many items come before a numbered page, at most, where PostgreSQL passes over each of them. */
export const SKIPPED_MAX = 10_000;

/** @returns what is read of a page: of one too far inside nothing but the total of the list */
export function readable(page: Page): Page {
  return page.offset > SKIPPED_MAX ? { offset: 0, limit: 0 } : page;
}

/**
 * @param total how many items the list has; a page past the end is empty, and not too far inside
 * @throws `ServiceError` `validation_failed` for a page that is too far inside
 */
export function expectReadable({ offset }: Page, total: number): void {
  if (offset <= SKIPPED_MAX || offset >= total) return;
  const message = `must leave at most ${SKIPPED_MAX} items before the page; walk this list by "cursor" instead`;
  throw new ServiceError(
    'validation_failed',
    'The page is too far inside the list. Begin a walk with cursor=start.',
    { violations: [{ path: '/page', code: 'too_deep', message }] },
  );
}

/** A part of a list: how many come before it, and how many it holds at most. */
export interface Page {
  offset: number;
  limit: number;
}
