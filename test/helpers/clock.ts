import type { Test } from 'tap';

/**
 * Moves the clocks of the process until the test ends; timers are not affected.
 *
 * @returns a function that moves all clocks ahead; its `setBack` changes the time of day only, as an
 *   administrator can
 */
export function movableClock(t: Test) {
  const { now } = Date;
  const monotonic = performance.now.bind(performance);
  let ahead = 0;
  let behind = 0;
  t.intercept(Date, 'now', { value: () => now() + ahead - behind });
  t.intercept(performance, 'now', { value: () => monotonic() + ahead });
  const advance = (milliseconds: number) => {
    ahead += milliseconds;
  };
  const setBack = (milliseconds: number) => {
    behind += milliseconds;
  };
  return Object.assign(advance, { setBack });
}
