import type { Answer, Service } from './app.js';
import { waitForLockedSessions } from './locks.js';

/** As many as `content_counters` has for each kind. */
const SLOTS = 16;

/**
 * Sends two requests so that the first one has written its rows and not yet committed when the second one starts: the
 * first waits for the counters, which each write of contents updates last.
 *
 * @returns both responses
 */
export async function overlap(
  { db }: Service,
  [first, second]: [() => Promise<Answer>, () => Promise<Answer>],
): Promise<[Answer, Answer]> {
  const sql = db.$client;
  await sql`
    insert into content_counters (namespace_id, space_id, kind, slot, active)
    select distinct namespace_id, space_id, kind, number, 0
    from content_counters, generate_series(0, ${SLOTS - 1}) as number
    on conflict do nothing`;
  const [namespace] = await sql<{ id: string }[]>`select id from namespaces`;
  const answers: Promise<Answer>[] = [];
  await sql.begin(async (holder) => {
    // By the namespace, for Citus.
    await holder`select from content_counters where namespace_id = ${namespace?.id ?? ''} for update`;
    answers.push(first());
    await waitForLockedSessions(sql, 1);
    answers.push(second());
    await waitForLockedSessions(sql, 2);
  });
  const [one, two] = await Promise.all(answers);
  if (!one || !two) throw new Error('Two requests have two responses');
  return [one, two];
}
