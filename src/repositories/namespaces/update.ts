import { and, sql, type WithSubquery } from 'drizzle-orm';
import { namespaces } from '../../db/schema/namespaces.js';
import { activeNamespaceByIdAndSlug, hasRole, lockedAccess } from '../access/guard.js';
import type { AccessResult, Principal } from '../access/principal.js';
import { executeOne, param } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import { spaceTotal } from '../spaces/counters.js';
import { type MergeMetadata, updateFields } from '../update-fields.js';
import { type Expected, expectWritten, hasVersion, versionParams, versionTag } from '../version.js';
import {
  counted,
  type CountedNamespace,
  type NamespaceChanges,
  namespaceColumns,
  nextVersion,
} from './columns.js';
import type { GetNamespace } from './get.js';
import { claimSlug, freeSlug } from './slugs.js';

/** Prepares the statement that updates a namespace. */
export function updateNamespace(
  { db, resolveNamespace, slugHoldDays }: RepositoryContext,
  get: GetNamespace,
) {
  const writing = lockedAccess(db, activeNamespaceByIdAndSlug, 'update');
  const mayOwn = hasRole('owner');
  const total = spaceTotal(db);
  const always = sql`true`;
  const slug = sql`${param('slug')}::text`;
  const updated = db.$with('namespace').as(
    db
      .update(namespaces)
      .set({
        ...nextVersion,
        slug: sql`coalesce(${param('slug')}, ${namespaces.slug})`,
        name: sql`case when ${param('setName')}::boolean then ${param('name')}
          else ${namespaces.name} end`,
        metadata: sql`case when ${param('setMetadata')}::boolean
          then ${sql.param(param('metadata'), namespaces.metadata)}::jsonb
          else ${namespaces.metadata} end`,
      })
      .where(and(activeNamespaceByIdAndSlug, mayOwn, hasVersion(namespaces)))
      .returning(namespaceColumns),
  );
  // `locked` has the committed row, not that of the snapshot.
  const mayChange = sql`${mayOwn} and ${hasVersion(writing.locked)}`;
  const renamed = sql`select id from ${writing.locked}
    where ${mayChange} and ${slug} <> ${param('namespaceSlug')}`;
  const prepareUpdate = (name: string, ...writes: WithSubquery[]) =>
    db
      .with(...writing.expressions, ...writes, total)
      .select()
      .from(writing.access)
      .leftJoin(updated, always)
      .leftJoin(total, always)
      .prepare(name);
  const statement = prepareUpdate('namespace_update', updated);
  const renaming = prepareUpdate(
    'namespace_rename',
    ...claimSlug(db, slug, renamed, slugHoldDays),
    updated,
    freeSlug(db, sql`slug <> ${param('namespaceSlug')}`),
  );

  /**
   * Updates the given fields. Needs the role `owner`.
   *
   * @param merge computes the metadata from the stored one; null if the changes contain the new metadata
   * @throws `Failure` `slug_taken` when another active namespace has the slug, `precondition_failed` when the
   *   namespace has none of the expected versions
   */
  return (
    principal: Principal,
    namespaceSlug: string,
    fields: NamespaceChanges,
    expected: Expected,
    merge: MergeMetadata | null = null,
  ): Promise<AccessResult<CountedNamespace>> => {
    const read = () => get(principal, namespaceSlug);
    const write = async (
      changes: NamespaceChanges,
      versions: Expected,
    ): Promise<AccessResult<CountedNamespace>> => {
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        executeOne(changes.slug === undefined ? statement : renaming, {
          ...scope,
          ...versionParams(versions),
          slug: changes.slug ?? null,
          setName: changes.name !== undefined,
          name: changes.name ?? null,
          setMetadata: changes.metadata !== undefined,
          metadata: changes.metadata ?? null,
        }),
      );
      const written = result?.row.namespace;
      if (written && written.slug !== namespaceSlug) resolveNamespace.forget(namespaceSlug);
      const outcome = result && { role: result.role, value: counted(result.row) };
      return expectWritten(outcome, 'owner', versions, read);
    };
    const stateOf = (namespace: CountedNamespace) => ({
      tag: versionTag(namespace),
      metadata: namespace.metadata,
    });
    return updateFields({ needed: 'owner', stateOf, read, write }, fields, expected, merge);
  };
}
