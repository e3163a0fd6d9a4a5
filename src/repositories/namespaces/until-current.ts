import { untilDone } from '../retry.js';

/**
 * Retries a statement while it finds that the namespace has changed since its snapshot.
 *
 * @returns its row
 * @throws `Failure` `unavailable` after too many attempts; see `untilDone`
 */
export async function untilCurrent<Row extends { isCurrent: boolean | null }>(
  attempt: () => Promise<Row | undefined>,
): Promise<Row | undefined> {
  const { row } = await untilDone(async () => {
    const found = await attempt();
    return found?.isCurrent === false ? undefined : { row: found };
  });
  return row;
}
