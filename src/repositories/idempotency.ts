import { and, eq, lte, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { Database } from '../db/client.js';
import { idempotencyKeys } from '../db/schema/idempotency-keys.js';
import { namespaces } from '../db/schema/namespaces.js';
import { Failure, isFailure } from '../failure.js';
import { executeOne, param, type Statement, type Values } from './access/statement.js';

/** Identifies a retried request, per subject and operation. */
export interface IdempotencyKey {
  readonly key: string;
  /** a digest of the request body */
  readonly fingerprint: string;
}

/** The result of a write, and whether an earlier request with the same key wrote it. */
export type Replayable<Row> = Row & { replayed: boolean };

/** How many expired keys a write with a key deletes: more than one, so that they do not accumulate. */
const PURGED_AT_ONCE = 10;

const hasExpired = lte(idempotencyKeys.expiresAt, sql`now()`);

/** The condition that a row is the caller's key for this operation, without the namespace. */
const isOwnKey = and(
  eq(idempotencyKeys.subject, param('subject')),
  eq(idempotencyKeys.operation, param('operation')),
  eq(idempotencyKeys.key, param('key')),
);

/**
 * The condition that a key has not expired, in a form without an index: with the index by expiry the look-up of
 * one key would read all keys of the namespace.
 */
const isHonoured = sql`(${hasExpired}) is false`;

/** A query of the namespaces that were restored with the caller's key. */
export const usedNamespaces = sql`
  select namespace_id from ${idempotencyKeys}
  where ${and(isOwnKey, isHonoured)} and operation like 'restoreNamespace %'`;

/**
 * The common table expressions that make a statement idempotent by key. One statement has the effect and saves
 * the response, so that there is never one without the other, even if a connection, a process or the database
 * fails.
 *
 * The primary key makes the effect unique: of two concurrent statements the later one violates it and is rolled
 * back. The advisory lock only rejects the later one without waiting.
 *
 * @param allowed the condition that the caller may execute and see the effect
 * @param columns the saved columns of the effect
 * @param record the same columns as a record definition
 * @param owner the `from` item `own` with the id of the namespace
 */
export function idempotencyCtes<Columns extends Record<string, PgColumn | SQL.Aliased>>(
  db: Database,
  allowed: SQL,
  columns: Columns,
  record: SQL,
  owner = sql`${namespaces} as own`,
) {
  const inNamespace = eq(idempotencyKeys.namespaceId, param('namespaceId'));
  const isKey = and(inNamespace, isOwnKey);

  const expired = db.$with('expired').as(
    db
      .delete(idempotencyKeys)
      .where(and(isKey, sql`(${hasExpired}) is true`, allowed))
      .returning({ key: idempotencyKeys.key }),
  );
  const stored = db.$with('stored', { ...columns, fingerprint: idempotencyKeys.fingerprint })
    .as(sql`
    select effect.*, fingerprint
    from ${idempotencyKeys}, jsonb_to_record(answer) as effect (${record})
    where ${and(isKey, isHonoured, allowed)}`);
  // After `expired`, because the row of an expired key must be deleted before a new one is inserted.
  const claim = db.$with('claim', { free: sql<boolean>`free`.as('free') }).as(sql`
    select pg_try_advisory_xact_lock(hashtextextended(concat_ws(' ', ${param('namespaceId')}::text,
      ${param('subject')}::text, ${param('operation')}::text, ${param('key')}::text), 0)) as free
    from (select count(*) from expired) as done
    where ${allowed} and not exists (select from stored)`);
  const overdue = db.$with('overdue', {}).as(sql`
    select subject, operation, key, expires_at from ${idempotencyKeys}
    where ${and(inNamespace, hasExpired)}
    order by expires_at limit ${sql.raw(String(PURGED_AT_ONCE))} for update skip locked`);
  // Found by expiry, for which there is an index, instead of reading all keys of the namespace.
  const purged = db.$with('purged', {}).as(sql`
    delete from ${idempotencyKeys}
    where ${inNamespace} and expires_at = any(array(select expires_at from overdue))
      and (subject, operation, key) in (select subject, operation, key from overdue)`);

  return {
    /** in the order of their dependencies; the effect follows them */
    expressions: [expired, stored, claim, overdue, purged],
    stored,
    claim,
    /** the condition that this statement executes the effect */
    isClaimed: sql`(select free from claim)`,
    /** @param effect a query of the response to save, as one JSON object */
    keep: (effect: SQL) =>
      db.$with('saved', {}).as(sql`
        insert into ${idempotencyKeys} as saved
          (namespace_id, subject, operation, key, fingerprint, answer, expires_at)
        select own.id, ${param('subject')}::text, ${param('operation')}::text, ${param('key')}::text,
          ${param('fingerprint')}::text, effect.answer, now() + interval '24 hours'
        from ${owner}, (${effect}) as effect (answer) where own.id = ${param('namespaceId')}::uuid`),
  };
}

/** @returns the record definition of columns, for `idempotencyCtes` */
export function recordOf(columns: Record<string, PgColumn>): SQL {
  return sql.join(
    Object.values(columns).map(
      (column) => sql`${sql.identifier(column.name)} ${sql.raw(column.getSQLType())}`,
    ),
    sql`, `,
  );
}

interface Keyed {
  stored: { fingerprint: string } | null;
  claim: { free: boolean | null } | null;
}

/** Failures that may be conflicts with an earlier execution of the same request. */
const conflicts = ['slug_taken', 'name_taken', 'path_taken', 'key_in_use'] as const;

/**
 * Executes a statement made with `idempotencyCtes`.
 *
 * @throws `Failure` `key_reused` if the key was used for another request, `key_in_use` if the earlier request
 *   is still in progress, and the failures of `executeOne`
 */
export async function executeIdempotent<Row extends Keyed>(
  statement: Statement<Row>,
  values: Values & IdempotencyKey,
): Promise<Row | undefined> {
  const row = await executeOne(statement, values, { retryOnDisconnect: true }).catch(
    (error: unknown) => {
      // The conflict may be with an earlier execution of this request, which has committed in the meantime.
      if (isFailure(error, ...conflicts))
        return executeOne(statement, values, { retryOnDisconnect: true });
      throw error;
    },
  );
  if (row?.stored && row.stored.fingerprint !== values.fingerprint) {
    throw new Failure('key_reused', {});
  }
  if (row?.claim?.free === false) throw new Failure('key_in_use', {});
  return row;
}
