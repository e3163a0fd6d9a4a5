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
  /** differs between requests that ask for different things */
  readonly fingerprint: string;
}

/** The result of a write, and whether an earlier request with the same key wrote it. */
export type Replayable<Row> = Row & { replayed: boolean };

/** How many expired keys a write with a key clears away: more than the one it leaves behind. */
const PURGED_AT_ONCE = 10;

const hasExpired = lte(idempotencyKeys.expiresAt, sql`now()`);

/** The condition that this is the caller's key for this operation; the namespace is to be added. */
const isOwnKey = and(
  eq(idempotencyKeys.subject, param('subject')),
  eq(idempotencyKeys.operation, param('operation')),
  eq(idempotencyKeys.key, param('key')),
);

/**
 * The condition that the key is still honoured. In a form that no index knows: by that of the expiry
 * a look for one key would read all keys of the namespace.
 */
const isHonoured = sql`(${hasExpired}) is false`;

/** A query of the namespaces that the caller's key of a restore was used in. */
export const usedNamespaces = sql`
  select namespace_id from ${idempotencyKeys}
  where ${and(isOwnKey, isHonoured)} and operation like 'restoreNamespace %'`;

/**
 * The common table expressions that make a statement idempotent by key. The effect and the saved response are
 * one statement, so that neither is ever without the other, wherever a connection, a process or the database
 * dies.
 *
 * The primary key makes the effect unique: of two concurrent statements, the later one violates it and is
 * rolled back. The advisory lock only saves the later one the wait.
 *
 * @param allowed the condition that the caller may have the effect, and may see it
 * @param columns the saved columns of the effect
 * @param record the same as the definition of a record
 * @param owner where the namespace of the key is found, as `own`
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
  // The row of an expired key has to be gone before the effect puts another in its place.
  const claim = db.$with('claim', { free: sql<boolean>`free`.as('free') }).as(sql`
    select pg_try_advisory_xact_lock(hashtextextended(concat_ws(' ', ${param('namespaceId')}::text,
      ${param('subject')}::text, ${param('operation')}::text, ${param('key')}::text), 0)) as free
    from (select count(*) from expired) as done
    where ${allowed} and not exists (select from stored)`);
  const overdue = db.$with('overdue', {}).as(sql`
    select subject, operation, key, expires_at from ${idempotencyKeys}
    where ${and(inNamespace, hasExpired)}
    order by expires_at limit ${sql.raw(String(PURGED_AT_ONCE))} for update skip locked`);
  // By the time of expiry, which an index finds them by without reading all keys of the namespace.
  const purged = db.$with('purged', {}).as(sql`
    delete from ${idempotencyKeys}
    where ${inNamespace} and expires_at = any(array(select expires_at from overdue))
      and (subject, operation, key) in (select subject, operation, key from overdue)`);

  return {
    /** in the order they build on one another; the effect comes after them */
    expressions: [expired, stored, claim, overdue, purged],
    stored,
    claim,
    /** the condition that this statement is the one to have the effect */
    isClaimed: sql`(select free from claim)`,
    /** @param effect a query of the response to save, as a column of JSON objects */
    keep: (effect: SQL) =>
      db.$with('saved', {}).as(sql`
        insert into ${idempotencyKeys} as saved
          (namespace_id, subject, operation, key, fingerprint, answer, expires_at)
        select own.id, ${param('subject')}::text, ${param('operation')}::text, ${param('key')}::text,
          ${param('fingerprint')}::text, effect.answer, now() + interval '24 hours'
        from ${owner}, (${effect}) as effect (answer) where own.id = ${param('namespaceId')}::uuid`),
  };
}

/** @returns columns as the definition of a record, for `idempotencyCtes` */
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

/** Failures that an earlier effect of the same request may have caused. */
const conflicts = ['slug_taken', 'name_taken', 'path_taken', 'key_in_use'] as const;

/**
 * Executes a statement made with `idempotencyCtes`.
 *
 * @throws `Failure` `key_reused` when the key belongs to another request, `key_in_use` when the earlier one
 *   is still in progress, and the failures of `executeOne`
 */
export async function executeIdempotent<Row extends Keyed>(
  statement: Statement<Row>,
  values: Values & IdempotencyKey,
): Promise<Row | undefined> {
  const row = await executeOne(statement, values, { retryOnDisconnect: true }).catch(
    (error: unknown) => {
      // The conflict may be with this request's own effect, which committed while this statement waited.
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
