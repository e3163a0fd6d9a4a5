import { type SQL, sql } from 'drizzle-orm';
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
  // An `exists` may be turned around, into one that reads all of the caller's namespaces.
  const isKnown = sql`(${param('adminRole')}::member_role is not null or coalesce((
    select true from ${members} where namespace_id = n.id and subject = ${param('subject')}), false))`;
  const hadSlug = sql`n.slug = ${param('namespaceSlug')} and ${isRestorable(sql`n.deleted_at`)}`;
  const candidates = sql.raw(String(RESTORE_CANDIDATES));
  const last = sql`order by n.deleted_at desc, n.id desc limit`;
  const expectedOne = sql`select n.id from ${namespaces} n
    where ${hasExpectedId(sql`n.id`)} and (${hadSlug}) is true and ${isKnown} limit 1`;
  const lastOfSlug = sql`
    select n.id from (select id, deleted_at from ${namespaces} n where ${hadSlug} ${last} ${candidates}) as n
    where ${isKnown} ${last} 1`;
  // By their ids alone, because the planner cannot know how many the slug leads to.
  const lastOfCaller = sql`
    select n.id from (
      select n.id, n.deleted_at from ${namespaces} n
      where n.id = any(array(
        select namespace_id from ${members} where subject = ${param('subject')}
        order by namespace_id desc limit ${candidates}))
      and (${hadSlug}) is true offset 0) as n
    ${last} 1`;
  const activeOne = sql`select n.id from ${namespaces} n
    where n.slug = ${param('namespaceSlug')} and n.deleted_at is null and ${isKnown}`;
  const beingErased = sql`select n.id from ${namespaces} n
    where n.slug = ${param('namespaceSlug')} and ${isBeingErased(sql`n.deleted_at`)} and ${isKnown} limit 1`;
  const id = sql<string | null>`id`.as('id');
  const prepareTarget = (name: string, repeated: SQL) => {
    const target = db.$with('target', {
      id,
      repeats: sql<boolean>`repeats`.as('repeats'),
    }).as(sql`
      select coalesce(repeated.id, (${expectedOne}), (${lastOfSlug}), (${lastOfCaller}), (${activeOne})) as id,
        repeated.id is not null as repeats
      from (select (${repeated}) as id) as repeated`);
    return db.with(target).select().from(target).prepare(name);
  };

  const prepareErased = (name: string, choices: SQL) => {
    const target = db.$with('target', { id }).as(sql`select ${choices} as id`);
    return db.with(target).select().from(target).prepare(name);
  };

  return {
    /** for an erasure: the active one comes before deleted ones that are not expected */
    erased: prepareErased(
      'namespace_erase_target',
      sql`coalesce((${expectedOne}), (${activeOne}), (${lastOfSlug}), (${lastOfCaller}), (${beingErased}))`,
    ),
    beingErased: prepareErased('namespace_erasure_target', sql`(${beingErased})`),
    plain: prepareTarget('namespace_restore_target', sql`null::uuid`),
    // A repetition is about the namespace that the key was used for, which may have another slug now.
    once: prepareTarget(
      'namespace_restore_target_once',
      sql`select n.id from ${namespaces} n
        where n.id = any(array(${usedNamespaces})) and ${isKnown} order by n.id limit 1`,
    ),
  };
}
