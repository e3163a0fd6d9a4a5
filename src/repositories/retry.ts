import { Failure } from '../failure.js';

/** More than concurrent writes cause: whenever one attempt does nothing, another write has succeeded. */
const ATTEMPTS = 100;

/**
 * Retries a write that did nothing because of a concurrent one. The limit keeps a write that can never succeed from
 * occupying the database.
 *
 * @param attempt returns undefined to be retried
 * @throws `Failure` `unavailable` when all attempts did nothing
 */
export async function untilDone<Result>(
  attempt: () => Promise<Result | undefined>,
): Promise<Result> {
  for (let count = 0; count < ATTEMPTS; count += 1) {
    const result = await attempt();
    if (result !== undefined) return result;
  }
  throw new Failure('unavailable', { isSlow: false });
}
