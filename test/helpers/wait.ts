/** Waits with a deadline: a test that hangs fails with its own message before tap's time limit. */
import { setTimeout as pause } from 'node:timers/promises';

/** Long, because a loaded machine is slow; it is no limit of the service. */
const DEADLINE_MS = 90_000;

/** Leaves the processor to the awaited process between two checks. */
const INTERVAL_MS = 5;

/**
 * Checks repeatedly until there is a value.
 *
 * @param what completes the message "waited … ms for …"
 * @param check returns undefined as long as there is none
 * @throws when there is none by the deadline
 */
export async function waitForValue<Value>(
  what: string,
  check: () => Value | undefined | Promise<Value | undefined>,
): Promise<Value> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const value = await beforeDeadline(what, check());
    if (value !== undefined) return value;
    if (performance.now() > deadline) throw timedOut(what);
    await pause(INTERVAL_MS);
  }
}

/**
 * Checks repeatedly until a condition holds.
 *
 * @param what completes the message "waited … ms for …"
 * @throws when it does not hold by the deadline
 */
export async function waitUntil(
  what: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  await waitForValue(what, async () => (await holds()) || undefined);
}

/**
 * Awaits an event or a response that may never come.
 *
 * @param what completes the message "waited … ms for …"
 * @throws when it has not come by the deadline
 */
export async function beforeDeadline<Value>(
  what: string,
  awaited: Value | Promise<Value>,
): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(timedOut(what));
    }, DEADLINE_MS);
  });
  try {
    return await Promise.race([awaited, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

function timedOut(what: string): Error {
  return new Error(`Waited ${DEADLINE_MS} ms for ${what}`);
}
