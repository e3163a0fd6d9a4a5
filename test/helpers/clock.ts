import type { Test } from 'tap';

/** @returns a function that moves `Date.now` ahead until the test ends; timers are not affected */
export function movableClock(t: Test): (milliseconds: number) => void {
  const { now } = Date;
  let ahead = 0;
  t.intercept(Date, 'now', { value: () => now() + ahead });
  return (milliseconds) => {
    ahead += milliseconds;
  };
}
