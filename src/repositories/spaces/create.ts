import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { activeNamespaceByIdAndSlug, hasRole, lockedAccess } from '../access/guard.js';
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
import { type NewSpace, spaceColumns, type SpaceRow, toReplayable } from './columns.js';
import { countAddedSpaces } from './counters.js';
import { insertSpaces, oneSpace } from './insert.js';

/** The row of a create with or without a key. */
interface CreateRow {
  access: { role: Role | null };
  stored?: SpaceRow | null;
  space: SpaceRow | null;
}

/** Prepares the statements that create a space, with and without an idempotency key. */
export function createSpace({ db, resolveNamespace, quotas }: RepositoryContext) {
  const writing = lockedAccess(db, activeNamespaceByIdAndSlug, 'key share');
  const mayWrite = hasRole('editor');
  const always = sql`true`;

  const created = insertSpaces(db, spaceColumns, oneSpace(mayWrite));
  const statement = db
    .with(...writing.expressions, created, ...countAddedSpaces(db))
    .select()
    .from(writing.access)
    .leftJoin(created, always)
    .prepare('space_create');

  const once = idempotencyCtes(db, mayWrite, spaceColumns, recordOf(spaceColumns));
  const createdOnce = insertSpaces(db, spaceColumns, oneSpace(once.isClaimed));
  const statementOnce = db
    .with(
      ...writing.expressions,
      ...once.expressions,
      createdOnce,
      ...countAddedSpaces(db),
      once.keep(sql`select to_jsonb(space) from space`),
    )
    .select()
    .from(writing.access)
    .leftJoin(once.claim, always)
    .leftJoin(once.stored, always)
    .leftJoin(createdOnce, always)
    .prepare('space_create_once');

  /**
   * Needs the role `editor`.
   *
   * @param key with a key the space is created once, however often the function is called
   * @throws `Failure` `slug_taken` when an active space of the namespace has the slug, and the failures of
   *   `executeIdempotent`
   */
  return async (
    principal: Principal,
    namespaceSlug: string,
    space: NewSpace,
    key: IdempotencyKey | null,
  ): Promise<AccessResult<Replayable<SpaceRow>>> => {
    const values = { ...space, id: uuidv7(), quota: quotas.spacesPerNamespace };
    const result = await resolveNamespace<CreateRow>(principal, namespaceSlug, (scope) =>
      key
        ? executeIdempotent(statementOnce, {
            ...scope,
            ...values,
            ...key,
            operation: 'createSpace',
          })
        : executeOne(statement, { ...scope, ...values }),
    );
    return result && { role: result.role, value: toReplayable(result.row) };
  };
}
