import { type SQL, sql, type WithSubquery } from 'drizzle-orm';
import type { Database } from '../../db/client.js';
import { isBeingErased, isRestorable } from '../../db/schema/columns.js';
import { members } from '../../db/schema/members.js';
import { namespaces } from '../../db/schema/namespaces.js';
import { param } from '../access/statement.js';
import { usedNamespaces } from '../idempotency.js';
import { hasExpectedId } from '../version.js';

/**
 * How many of the last deleted namespaces with a slug, and how many of the caller's newest namespaces, a
 * restore by slug examines. Any other one can be restored by its entity tag.
 */
const RESTORE_CANDIDATES = 100;

/**
 * Prepares the statements that find the namespace to restore among those the caller may see: the one expected
 * by `If-Match`, or the last deleted one with the slug, or else the active one. It is searched both by slug and
 * by caller, because either may have very many namespaces.
 */
export function restoreTargets(db: Database) {
  // An outer join, because the planner may reorder an `exists`, and read all of the caller's namespaces.
  const membership = sql`left join ${members} m on m.namespace_id = n.id and m.subject = ${param('subject')}`;
  const isKnown = sql`(${param('adminRole')}::member_role is not null or m.role is not null)`;
  const hadSlug = sql`n.slug = ${param('namespaceSlug')} and ${isRestorable(sql`n.deleted_at`)}`;
  const candidates = sql.raw(String(RESTORE_CANDIDATES));
  const last = sql`order by n.deleted_at desc, n.id desc limit`;
  /** The first of the selected namespaces that the caller may see. */
  const knownOf = (name: string, which: SQL, order = sql`order by n.id limit`) =>
    db.$with(name, {}).as(sql`
      select n.id from (select n.id, n.deleted_at from ${namespaces} n where ${which} ${order} ${candidates}) as n
      ${membership} where ${isKnown} ${order} 1`);
  const expectedOne = knownOf(
    'expected_one',
    sql`${hasExpectedId(sql`n.id`)} and (${hadSlug}) is true`,
  );
  const lastOfSlug = knownOf('last_of_slug', hadSlug, last);
  // By id only, because the planner cannot estimate how many namespaces had the slug.
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
    /** for an erasure: the expected one, the active one, the one that is being erased, the last deleted one */
    erased: prepareErased(
      'namespace_erase_target',
      [expectedOne, activeOne, beingErased, lastOfSlug, lastOfCaller],
      sql`coalesce((select id from expected_one), (select id from active_one), (select id from being_erased),
        (select id from last_of_slug), (select id from last_of_caller))`,
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
    // A retry addresses the namespace that was restored with the key, whose slug may have changed.
    once: prepareTarget(
      'namespace_restore_target_once',
      knownOf('repeated', sql`n.id in (${usedNamespaces})`),
    ),
  };
}
