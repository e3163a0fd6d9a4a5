import { type SQL, sql, type WithSubquery } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { isBeingErased, isRestorable } from '../../db/schema/columns.js';
import { members } from '../../db/schema/members.js';
import { namespaces } from '../../db/schema/namespaces.js';
import { param } from '../access/statement.js';
import { usedNamespaces } from '../idempotency.js';
import { hasExpectedId } from '../version.js';

/**
 * How many of the last deleted namespaces of a slug, and how many of the last namespaces of the caller, a restore by
 * the slug looks at. One that lies behind both is restored by its entity tag.
 */
const RESTORE_CANDIDATES = 100;

/**
 * Prepares the statements that find the namespace which a restore of a slug is about, of those that the caller
 * knows: the expected one, however many of the slug were deleted after it, or the last that was deleted, or
 * else the active one. Looked for from the slug and from the caller, because either may have very many.
 */
export function restoreTargets(db: Database) {
  // An outer join: an `exists` may be turned around, into one that reads all of the caller's namespaces.
  const membership = sql`left join ${members} m on m.namespace_id = n.id and m.subject = ${param('subject')}`;
  const isKnown = sql`(${param('adminRole')}::member_role is not null or m.role is not null)`;
  const hadSlug = sql`n.slug = ${param('namespaceSlug')} and ${isRestorable(sql`n.deleted_at`)}`;
  const candidates = sql.raw(String(RESTORE_CANDIDATES));
  const last = sql`order by n.deleted_at desc, n.id desc limit`;
  /** The first known one of some namespaces. */
  const knownOf = (name: string, which: SQL, order = sql`order by n.id limit`) =>
    db.$with(name, {}).as(sql`
      select n.id from (select n.id, n.deleted_at from ${namespaces} n where ${which} ${order} ${candidates}) as n
      ${membership} where ${isKnown} ${order} 1`);
  const expectedOne = knownOf(
    'expected_one',
    sql`${hasExpectedId(sql`n.id`)} and (${hadSlug}) is true`,
  );
  const lastOfSlug = knownOf('last_of_slug', hadSlug, last);
  // By their ids alone, because the planner cannot know how many the slug leads to.
  const lastOfCaller = db.$with('last_of_caller', {}).as(sql`
    select n.id from (
      select n.id, n.deleted_at from ${namespaces} n
      where n.id = any(array(
        select namespace_id from ${members} where subject = ${param('subject')}
        order by namespace_id desc limit ${candidates}))
      and (${hadSlug}) is true offset 0) as n
    ${last} 1`);
  const activeOne = knownOf(
    'active_one',
    sql`n.slug = ${param('namespaceSlug')} and n.deleted_at is null`,
  );
  const beingErased = knownOf(
    'being_erased',
    sql`n.slug = ${param('namespaceSlug')} and ${isBeingErased(sql`n.deleted_at`)}`,
  );
  const id = sql<string | null>`id`.as('id');
  const prepareTarget = (name: string, repeatedOne: WithSubquery) => {
    const target = db.$with('target', {
      id,
      repeats: sql<boolean>`repeats`.as('repeats'),
    }).as(sql`
      select coalesce((select id from repeated), (select id from expected_one), (select id from last_of_slug),
          (select id from last_of_caller), (select id from active_one)) as id,
        exists (select from repeated) as repeats`);
    return db
      .with(repeatedOne, expectedOne, lastOfSlug, lastOfCaller, activeOne, target)
      .select()
      .from(target)
      .prepare(name);
  };

  const prepareErased = (name: string, candidatesOf: WithSubquery[], choice: SQL) => {
    const target = db.$with('target', { id }).as(sql`select ${choice} as id`);
    return db
      .with(...candidatesOf, target)
      .select()
      .from(target)
      .prepare(name);
  };

  return {
    /** for an erasure: the active one comes before deleted ones that are not expected */
    erased: prepareErased(
      'namespace_erase_target',
      [expectedOne, activeOne, lastOfSlug, lastOfCaller, beingErased],
      sql`coalesce((select id from expected_one), (select id from active_one), (select id from last_of_slug),
        (select id from last_of_caller), (select id from being_erased))`,
    ),
    beingErased: prepareErased(
      'namespace_erasure_target',
      [beingErased],
      sql`(select id from being_erased)`,
    ),
    plain: prepareTarget(
      'namespace_restore_target',
      db.$with('repeated', {}).as(sql`select null::uuid as id where false`),
    ),
    // A repetition is about the namespace that the key was used for, which may have another slug now.
    once: prepareTarget(
      'namespace_restore_target_once',
      knownOf('repeated', sql`n.id in (${usedNamespaces})`),
    ),
  };
}
