import { type SQL, sql } from 'drizzle-orm';
import { NIL, v7 as uuidv7 } from 'uuid';
import { members } from '../../db/schema/members.js';
import { namespaces } from '../../db/schema/namespaces.js';
import { Failure } from '../../failure.js';
import { type Principal, principalParams } from '../access/principal.js';
import { executeOne, param } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import {
  executeIdempotent,
  idempotencyCtes,
  type IdempotencyKey,
  recordOf,
  type Replayable,
} from '../idempotency.js';
import {
  type CountedNamespace,
  namespaceColumns,
  type NamespaceRow,
  type NewNamespace,
} from './columns.js';
import { claimSlug } from './slugs.js';
import { countForSubjects } from './subject-counters.js';

/** The row of a create with or without a key. */
interface CreateRow {
  stored?: NamespaceRow | null;
  mayRead?: boolean | null;
  namespace: NamespaceRow | null;
}

/** Prepares the statements that create a namespace, with and without an idempotency key. */
export function createNamespace({ db, quotas, slugHoldDays }: RepositoryContext) {
  const always = sql`true`;
  const created = db.$with('namespace').as(
    db
      .insert(namespaces)
      .values({
        id: param('id'),
        slug: param('slug'),
        name: param('name'),
        metadata: param('metadata'),
        createdBy: param('subject'),
      })
      .returning(namespaceColumns),
  );
  const slug = sql`${param('slug')}::text`;
  const claimNew = (condition: SQL) =>
    claimSlug(db, slug, sql`select ${param('id')}::uuid as id ${condition}`, slugHoldDays);
  const countNew = countForSubjects(
    db,
    sql`select ${param('subject')}::text as subject, 1 as memberships, 1 as created from namespace`,
  );
  const firstOwner = db.$with('first_owner', {}).as(sql`
    insert into ${members} (namespace_id, subject, role)
    select id, ${param('subject')}, 'owner' from ${created}`);
  const createStatement = db
    .with(...claimNew(sql``), created, firstOwner, countNew)
    .select()
    .from(created)
    .prepare('namespace_create');
  const onceCreated = idempotencyCtes(
    db,
    always,
    namespaceColumns,
    recordOf(namespaceColumns),
    // The key belongs to no namespace, so the id is the nil UUID.
    sql`(select ${param('namespaceId')}::uuid as id) as own`,
  );
  const createdOnce = db.$with('namespace', namespaceColumns).as(sql`
    insert into ${namespaces} (id, slug, name, metadata, created_by)
    select ${param('id')}::uuid, ${param('slug')}, ${param('name')},
      ${sql.param(param('metadata'), namespaces.metadata)}::jsonb, ${param('subject')}
    from claim where free
    returning ${sql.join(
      Object.values(namespaceColumns).map((column) => sql.identifier(column.name)),
      sql`, `,
    )}`);
  const createOnceStatement = db
    .with(
      ...onceCreated.expressions,
      ...claimNew(sql`from claim where free`),
      createdOnce,
      firstOwner,
      countNew,
      onceCreated.keep(sql`select to_jsonb(namespace) from namespace`),
    )
    .select({
      claim: { free: onceCreated.claim.free },
      stored: onceCreated.stored._.selectedFields,
      // A caller who has been removed since must not see the namespace.
      mayRead: sql<boolean | null>`${param('adminRole')}::member_role is not null
        or role_in(${onceCreated.stored.id}, ${param('subject')}) is not null`,
      namespace: createdOnce._.selectedFields,
    })
    .from(sql`(select) as one`)
    .leftJoin(onceCreated.claim, always)
    .leftJoin(onceCreated.stored, always)
    .leftJoin(createdOnce, always)
    .prepare('namespace_create_once');

  /**
   * The caller becomes the first owner.
   *
   * @param key with a key the namespace is created once, however often the function is called
   * @throws `Failure` `slug_taken` when another active namespace has the slug, and the failures of
   *   `executeIdempotent`
   */
  return async (
    principal: Principal,
    namespace: NewNamespace,
    key: IdempotencyKey | null,
  ): Promise<Replayable<CountedNamespace>> => {
    const quota = quotas.namespacesPerSubject;
    const values = { ...namespace, ...principalParams(principal), id: uuidv7(), quota };
    const row: CreateRow | undefined = key
      ? await executeIdempotent(createOnceStatement, {
          ...values,
          ...key,
          namespaceId: NIL,
          operation: 'createNamespace',
        })
      : { namespace: (await executeOne(createStatement, values)) ?? null };
    if (row?.stored && row.mayRead !== true) {
      throw new Failure('key_of_lost_namespace', {});
    }
    const created = row?.stored ?? row?.namespace;
    if (!created) throw new Error('PostgreSQL inserted a namespace and did not return it');
    return { ...created, spaces: 0, replayed: Boolean(row?.stored) };
  };
}
