/** Runs a statement anew that found the namespace changed since its snapshot: each time another one has succeeded. */
export async function untilCurrent<Row extends { isCurrent: boolean | null }>(
  attempt: () => Promise<Row | undefined>,
): Promise<Row | undefined> {
  for (;;) {
    const row = await attempt();
    if (row?.isCurrent !== false) return row;
  }
}
