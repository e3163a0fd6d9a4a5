import { and, type SQL, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { spaces } from '../../db/schema/spaces.js';
import { Failure, type Failures, isFailure } from '../../failure.js';
import { accessCte, activeNamespaceByIdAndSlug, hasRole, lockedAccess } from '../access/guard.js';
import type { AccessResult, Principal, Role } from '../access/principal.js';
import { executeOne } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import {
  executeIdempotent,
  idempotencyCtes,
  type IdempotencyKey,
  recordOf,
  type Replayable,
} from '../idempotency.js';
import { jsonParam, type NewSpace, sentColumns, type SpaceRow, toReplayable } from './columns.js';
import { inNamespace, isActive } from './conditions.js';
import { countAddedSpaces } from './counters.js';
import { insertSpaces } from './insert.js';

/** A created space with the fields of the request. */
export type CreatedSpace = Pick<SpaceRow, keyof typeof sentColumns>;

/** Maximum number of attempts of a batch whose conflicting slugs have been released in the meantime. */
const ATTEMPTS = 5;

interface CreateBatchRow {
  access: { role: Role | null };
  stored?: { spaces: CreatedSpace[] } | null;
  batch: { spaces: CreatedSpace[] | null } | null;
}

/** Prepares the statements that create several spaces, with and without an idempotency key. */
export function createSpaces({ db, resolveNamespace, quotas }: RepositoryContext) {
  const access = accessCte(db, activeNamespaceByIdAndSlug);
  const writing = lockedAccess(db, activeNamespaceByIdAndSlug, 'key share');
  const mayWrite = hasRole('editor');
  const always = sql`true`;

  // In the order of the slugs, so that two batches never deadlock.
  const all = (allowed: SQL) => sql`
    select sent.*
    from access, jsonb_to_recordset(${jsonParam('spaces')}) as sent (${recordOf(sentColumns)})
    where ${allowed} order by sent.slug`;
  // The order of UUIDv7s is the order of their generation.
  const batch = db
    .$with('batch', { spaces: sql<CreatedSpace[] | null>`spaces`.as('spaces') })
    .as(sql`select jsonb_agg(to_jsonb(space) order by id) as spaces from space`);
  const created = insertSpaces(db, sentColumns, all(mayWrite));
  const statement = db
    .with(...writing.expressions, created, ...countAddedSpaces(db), batch)
    .select()
    .from(writing.access)
    .leftJoin(batch, always)
    .prepare('space_create_all');

  const once = idempotencyCtes(
    db,
    mayWrite,
    // A different name than in `batch`, because Drizzle does not qualify it.
    { spaces: sql<CreatedSpace[]>`kept_spaces`.as('kept_spaces') },
    sql`kept_spaces jsonb`,
  );
  const createdOnce = insertSpaces(db, sentColumns, all(once.isClaimed));
  const statementOnce = db
    .with(
      ...writing.expressions,
      ...once.expressions,
      createdOnce,
      ...countAddedSpaces(db),
      batch,
      once.keep(
        sql`select jsonb_build_object('kept_spaces', spaces) from batch where spaces is not null`,
      ),
    )
    .select()
    .from(writing.access)
    .leftJoin(once.claim, always)
    .leftJoin(once.stored, always)
    .leftJoin(batch, always)
    .prepare('space_create_all_once');

  const isWanted = sql`${spaces.slug} = any(array(select jsonb_array_elements_text(${jsonParam('slugs')})))`;
  const taken = db.$with('taken', { slugs: sql<string[] | null>`slugs`.as('slugs') }).as(sql`
    select jsonb_agg(slug) as slugs from ${spaces}
    where ${and(inNamespace, isActive, isWanted, mayWrite)}`);
  const takenStatement = db
    .with(access, taken)
    .select()
    .from(access)
    .leftJoin(taken, always)
    .prepare('space_slugs_taken');

  async function takenSlugs(
    principal: Principal,
    namespaceSlug: string,
    slugs: string[],
  ): Promise<Set<string>> {
    const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
      executeOne(takenStatement, { ...scope, slugs }, { retryOnDisconnect: true }),
    );
    return new Set(result?.row.taken?.slugs);
  }

  /**
   * Creates all of the spaces or none. Needs the role `editor`.
   *
   * @param sent the spaces
   * @param key with a key the spaces are created once, however often the function is called
   * @returns the spaces in the order of `sent`
   * @throws `Failure` `slugs_taken` with the position of each slug that an active space of the namespace or
   *   another space of the batch has, and the failures of `executeIdempotent`
   */
  return async (
    principal: Principal,
    namespaceSlug: string,
    sent: NewSpace[],
    key: IdempotencyKey | null,
  ): Promise<AccessResult<Replayable<{ spaces: CreatedSpace[] }>>> => {
    const values = {
      spaces: sent.map((space) => ({ ...space, id: uuidv7() })),
      quota: quotas.spacesPerNamespace,
    };
    const attempt = () =>
      resolveNamespace<CreateBatchRow>(principal, namespaceSlug, (scope) =>
        key
          ? executeIdempotent(statementOnce, {
              ...scope,
              ...values,
              ...key,
              operation: 'createSpaces',
            })
          : executeOne(statement, { ...scope, ...values }),
      );
    for (let attempts = 1; ; attempts += 1) {
      try {
        const result = await attempt();
        if (!result) return null;
        const { stored, batch: made } = result.row;
        const space = made?.spaces ? { spaces: made.spaces } : null;
        return { role: result.role, value: toReplayable({ stored: stored ?? null, space }) };
      } catch (error) {
        if (!isFailure(error, 'slug_taken')) throw error;
        const slugs = sent.map(({ slug }) => slug);
        const conflicts = conflictsOf(slugs, await takenSlugs(principal, namespaceSlug, slugs));
        if (conflicts.length > 0 || attempts === ATTEMPTS) {
          throw new Failure('slugs_taken', { conflicts });
        }
      }
    }
  };
}

/** @returns the taken slugs of a batch, in the order of the batch */
function conflictsOf(slugs: string[], taken: Set<string>): Failures['slugs_taken']['conflicts'] {
  return slugs.flatMap((slug, index) => {
    const isTaken = taken.has(slug);
    const isOfBatch = !isTaken && slugs.indexOf(slug) !== slugs.lastIndexOf(slug);
    return isTaken || isOfBatch ? { index, slug, isOfBatch } : [];
  });
}
