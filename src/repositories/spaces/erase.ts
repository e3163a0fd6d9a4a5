import { and, desc, eq, isNotNull, sql } from 'drizzle-orm';
import { isBeingErased } from '../../db/schema/columns.js';
import { slugOrder, spaces } from '../../db/schema/spaces.js';
import { accessCte, activeNamespaceByIdAndSlug, hasRole, lockedAccess } from '../access/guard.js';
import { type AccessResult, includesRole, type Principal } from '../access/principal.js';
import { executeOne, param } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import { eraseSpaces } from '../retention/containers.js';
import type { ErasureOutcome } from '../retention/erasures.js';
import { idsOf } from '../retention/scan.js';
import { untilDone } from '../retry.js';
import {
  type Expected,
  expectVersion,
  hasExpectedId,
  hasVersion,
  versionParams,
} from '../version.js';
import { hasSlug, inNamespace, isActive, nextVersion, possibleSlug } from './conditions.js';
import { recountSpaces } from './counters.js';
import { dropSpaceSlug } from './former-slugs.js';

/** The condition for deleted spaces that had the slug; an index serves it. */
const isDeleted = and(
  inNamespace,
  sql`${slugOrder} = ${param('spaceSlug')}`,
  isNotNull(spaces.deletedAt),
);

/** Prepares the statements that begin the erasure of a space, and those that report whether it is running. */
export function eraseSpace({ db, resolveNamespace, erasures, quotas }: RepositoryContext) {
  const writing = lockedAccess(db, activeNamespaceByIdAndSlug, 'key share');
  const always = sql`true`;
  const expectedOne = db
    .select({ id: spaces.id })
    .from(spaces)
    .where(and(inNamespace, hasExpectedId(spaces.id), sql`(${isDeleted}) is true`))
    .limit(1);
  const activeOne = db
    .select({ id: spaces.id })
    .from(spaces)
    .where(and(inNamespace, hasSlug, isActive));
  // Before the last deleted one: a repeated request resumes its erasure, and erases no other space.
  const beingErased = db
    .select({ id: spaces.id })
    .from(spaces)
    .where(and(isDeleted, isBeingErased(spaces.deletedAt)))
    .limit(1);
  const lastDeleted = db
    .select({ id: spaces.id })
    .from(spaces)
    .where(isDeleted)
    .orderBy(desc(spaces.deletedAt), desc(spaces.id))
    .limit(1);
  const target = db.$with('target').as(
    db
      .select({
        id: spaces.id,
        version: spaces.version,
        isActive: sql<boolean>`${isActive}`.as('is_active'),
      })
      .from(spaces)
      .where(
        and(
          inNamespace,
          eq(
            spaces.id,
            sql`coalesce((${expectedOne}), (${activeOne}), (${beingErased}), (${lastDeleted}))`,
          ),
        ),
      ),
  );
  // Stronger than the lock of a deletion: it waits for writes of the contents; later ones find no active space.
  const locked = db.$with('locked_space').as(
    db
      .select({ id: spaces.id })
      .from(spaces)
      .where(
        and(
          inNamespace,
          eq(spaces.id, sql`(select id from target)`),
          sql`(${isActive}) = (select is_active from target)`,
          hasRole('owner'),
          hasVersion(spaces),
        ),
      )
      .for('update'),
  );
  const begun = db.$with('space').as(
    db
      .update(spaces)
      .set({ ...nextVersion, deletedAt: sql`'-infinity'` })
      .where(and(inNamespace, eq(spaces.id, sql`(select id from locked_space)`)))
      .returning({ id: spaces.id }),
  );
  const statement = db
    .with(
      ...writing.expressions,
      target,
      locked,
      begun,
      recountSpaces(db, sql`- (select is_active::int from target)`),
      dropSpaceSlug(db),
    )
    .select()
    .from(writing.access)
    .leftJoin(target, always)
    .leftJoin(begun, always)
    .prepare('space_erase');

  const access = accessCte(db, activeNamespaceByIdAndSlug);
  const running = db.$with('running').as(beingErased);
  const statusStatement = db
    .with(access, running)
    .select()
    .from(access)
    .leftJoin(running, always)
    .prepare('space_erasure');

  return {
    /**
     * Permanently erases the active space with this slug or, without one, goes on with an erasure that is running, or
     * else erases the last deleted space that had the slug. Needs the role `owner`.
     *
     * @param expected may identify another deleted space that had the slug
     * @throws `Failure` `precondition_failed` when the space has none of the expected versions
     */
    async erase(
      principal: Principal,
      namespaceSlug: string,
      spaceSlug: string,
      expected: Expected,
    ): Promise<AccessResult<ErasureOutcome>> {
      const attempt = () =>
        resolveNamespace(principal, namespaceSlug, (scope) =>
          executeOne(statement, {
            ...scope,
            ...versionParams(expected),
            spaceSlug: possibleSlug(spaceSlug),
            quota: quotas.spacesPerNamespace,
          }),
        );
      return untilDone(async () => {
        const result = await attempt();
        if (!result) return null;
        const { role, namespaceId, row } = result;
        if (row.space) {
          const isDone = await erasures.run(eraseSpaces(db, namespaceId, idsOf([row.space])));
          return { role, value: { isDone } };
        }
        if (!row.target || !includesRole(role, 'owner')) return { role, value: null };
        expectVersion(row.target, expected);
        // A concurrent write has changed the space since the snapshot.
        return undefined;
      });
    },

    /** @returns whether the erasure of a space with this slug is running; null where none is */
    async erasure(
      principal: Principal,
      namespaceSlug: string,
      spaceSlug: string,
    ): Promise<AccessResult<ErasureOutcome>> {
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        executeOne(
          statusStatement,
          { ...scope, spaceSlug: possibleSlug(spaceSlug) },
          {
            retryOnDisconnect: true,
          },
        ),
      );
      return result && { role: result.role, value: result.row.running && { isDone: false } };
    },
  };
}
