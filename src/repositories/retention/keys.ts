import { type SQL, sql } from 'drizzle-orm';
import { NIL } from 'uuid';
import type { Database } from '../../db/client.js';
import type { Erased } from './containers.js';
import { BATCH, type Key } from './scan.js';

/** The length of a UUID as text. */
const ID_LENGTH = 36;

/**
 * Erases the idempotency keys whose saved responses belong to spaces: those of operations in them, and of the
 * operations that responded with them.
 *
 * @param spaceIds an array of text
 */
export function eraseKeysOfSpaces(
  db: Database,
  namespaceId: string,
  spaceIds: SQL,
): AsyncGenerator<Erased> {
  // The responses of `createSpaces` have several spaces.
  const saved = sql`jsonb_array_elements(coalesce(answer -> 'kept_spaces', jsonb_build_array(answer)))`;
  return eraseKeysWhere(
    db,
    namespaceId,
    sql`case when operation in ('createSpace', 'createSpaces') or operation like 'restoreSpace %'
      then exists (select from ${saved} as saved (space) where space ->> 'id' = any(${spaceIds}))
      else right(operation, ${sql.raw(String(ID_LENGTH))}) = any(${spaceIds}) end`,
  );
}

/** Erases the idempotency key with which a namespace was created; it belongs to no namespace. */
export function eraseKeyOfNamespace(db: Database, id: string): AsyncGenerator<Erased> {
  return eraseKeysWhere(db, NIL, sql`answer ->> 'id' = ${id}`);
}

/**
 * Reads the keys of a namespace in the order of the primary key, and deletes some of them: no index finds keys by
 * their responses. A namespace has only those of a day.
 *
 * @param isErased the condition of the keys to erase
 */
async function* eraseKeysWhere(
  db: Database,
  namespaceId: string,
  isErased: SQL,
): AsyncGenerator<Erased> {
  const keys = sql`idempotency_keys where namespace_id = ${namespaceId}::uuid`;
  let isAfter = sql`true`;
  for (;;) {
    const [batch] = await db.execute<{ erased: number; last: Key | null }>(sql`
      with found as materialized (
        select ctid as place, subject, operation, key, (${isErased}) as is_erased
        from ${keys} and ${isAfter} order by subject, operation, key limit ${BATCH}),
      gone as (
        delete from ${keys} and ctid = any(array(select place from found where is_erased)) returning 1
      )
      select (select count(*)::int from gone) as erased,
        (select jsonb_build_object('subject', subject, 'operation', operation, 'key', key)
          from found offset ${BATCH - 1}) as last`);
    const last = batch?.last;
    yield { table: 'idempotency_keys', rows: batch?.erased ?? 0, more: Boolean(last) };
    if (!last) return;
    const values = sql`${last['subject']}::text, ${last['operation']}::text, ${last['key']}::text`;
    isAfter = sql`(subject, operation, key) > (${values})`;
  }
}
