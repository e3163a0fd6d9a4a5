/**
 * Retries a statement while it finds that the namespace has changed since its snapshot. Ends, because each
 * retry means that another statement has succeeded.
 */
export async function untilCurrent<Row extends { isCurrent: boolean | null }>(
  attempt: () => Promise<Row | undefined>,
): Promise<Row | undefined> {
  for (;;) {
    const row = await attempt();
    if (row?.isCurrent !== false) return row;
  }
}
