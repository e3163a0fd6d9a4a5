import type { Sql } from 'postgres';
import { waitForValue } from './wait.js';

/**
 * Waits until sessions of the current database wait for a lock.
 *
 * @param except a session that does not count
 * @returns their process ids, at least `count`
 */
export function waitForLockedSessions(sql: Sql, count = 1, except = 0): Promise<number[]> {
  return waitForValue(`${count} sessions that wait for a lock`, async () => {
    const rows = await sql<{ pid: number }[]>`
      select pid from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock' and pid <> ${except}`;
    return rows.length >= count ? rows.map(({ pid }) => pid) : undefined;
  });
}
