import { type SQL, sql } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { members } from '../../db/schema/members.js';
import { subjectCounters } from '../../db/schema/subject-counters.js';
import { param } from '../access/statement.js';

/**
 * Updates the counters of subjects, in the order of the subjects, so that two statements never deadlock.
 *
 * @param changes a query of `subject` and the differences of `memberships` and `created`; the parameter `quota`
 *   is the maximum of `created`, null for no limit
 */
export function countForSubjects(db: Database, changes: SQL) {
  return db.$with('counted_subjects', {}).as(sql`
    insert into ${subjectCounters} (subject, memberships, created, created_max)
    select subject, sum(memberships), sum(created), ${param('quota')}::int
    from (${changes}) as changes group by subject order by subject
    on conflict (subject) do update set
      memberships = ${subjectCounters.memberships} + excluded.memberships,
      created = ${subjectCounters.created} + excluded.created,
      created_max = case when excluded.created > 0 then excluded.created_max
        else ${subjectCounters.createdMax} end`);
}

/** Updates the counters of the members and the creator when `namespace` has been deleted or restored. */
export function countForMembers(db: Database, difference: 1 | -1) {
  const one = sql.raw(String(difference));
  return countForSubjects(
    db,
    sql`
      select subject, ${one} as memberships, 0 as created from ${members}
      where namespace_id = ${param('namespaceId')} and exists (select from namespace)
      union all select created_by, 0, ${one} from namespace where created_by is not null`,
  );
}
