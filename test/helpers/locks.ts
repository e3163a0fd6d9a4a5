import type { Sql } from 'postgres';
import { isDistributed } from './database.js';
import { waitForValue } from './wait.js';

/** Of a session that Citus has made for another one, on the node that has the row, this is the other one. */
const waiting = String.raw`
  select string_agg(distinct coalesce(
    (substring(application_name from 'gpid=(\d+)')::bigint % 10000000000)::int, pid)::text, ' ') as pids
  from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;

const waitingOnAllNodes = isDistributed
  ? `select result as pids from run_command_on_all_nodes($$${waiting}$$)`
  : waiting;

/**
 * Waits until sessions of the current database wait for a lock, on whichever node.
 *
 * @param except a session that does not count
 * @returns their process ids, at least `count`
 */
export function waitForLockedSessions(sql: Sql, count = 1, except = 0): Promise<number[]> {
  return waitForValue(`${count} sessions that wait for a lock`, async () => {
    const nodes = await sql.unsafe<{ pids: string | null }[]>(waitingOnAllNodes);
    const pids = nodes.flatMap((node) => node.pids?.split(' ').filter(Boolean).map(Number) ?? []);
    const others = [...new Set(pids)].filter((pid) => pid !== except);
    return others.length >= count ? others : undefined;
  });
}
