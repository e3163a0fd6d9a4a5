import { PAGES } from './data.js';
import { UPDATED } from './load.js';

/** The number of updates per second. */
const UPDATES_PER_SECOND = 100;

const TICK_MS = 50;

/**
 * Updates spaces of the namespaces `page-0` and following, at a constant rate, through another service than the
 * measured ones, whose caches know of the updates from PostgreSQL only.
 *
 * @param origin the service that writes
 * @returns a function that ends the updates
 * @throws when the response to an update is not 200
 */
export function startChurn(origin: string, token: string): () => Promise<void> {
  const pending = new Set<Promise<void>>();
  let failure: Error | null = null;
  let sent = 0;

  async function update(): Promise<void> {
    sent += 1;
    const path = `/namespaces/page-${(sent * 7) % PAGES}/projects/space-${(sent % UPDATED) + 1}`;
    const response = await fetch(origin + path, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ description: `Update ${sent}` }),
    });
    await response.arrayBuffer();
    if (response.status !== 200) throw new Error(`The response to an update is ${response.status}`);
  }

  const timer = setInterval(() => {
    for (let due = (UPDATES_PER_SECOND * TICK_MS) / 1000; due > 0; due -= 1) {
      const one = update()
        .catch((error: unknown) => {
          failure = error instanceof Error ? error : new Error(String(error));
        })
        .finally(() => pending.delete(one));
      pending.add(one);
    }
  }, TICK_MS);

  return async () => {
    clearInterval(timer);
    await Promise.all(pending);
    if (failure) throw failure;
  };
}
