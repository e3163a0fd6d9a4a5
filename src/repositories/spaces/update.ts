import { and, sql, type WithSubquery } from 'drizzle-orm';
import { spaces } from '../../db/schema/spaces.js';
import { activeNamespaceByIdAndSlug, hasRole, lockedAccess } from '../access/guard.js';
import type { AccessResult, Principal } from '../access/principal.js';
import { executeOne, param } from '../access/statement.js';
import { contentsOf } from '../contents/counters.js';
import type { RepositoryContext } from '../context.js';
import { type MergeMetadata, updateFields } from '../update-fields.js';
import { type Expected, expectWritten, hasVersion, versionParams, versionTag } from '../version.js';
import {
  type FilledSpace,
  jsonParam,
  type SpaceChanges,
  spaceColumns,
  withContents,
} from './columns.js';
import { hasSlug, inNamespace, isActive, nextVersion, possibleSlug } from './conditions.js';
import { recountSpaces } from './counters.js';
import { keepSpaceSlug } from './former-slugs.js';
import type { GetSpace } from './get.js';

/** Prepares the statement that updates a space. */
export function updateSpace({ db, resolveNamespace, quotas }: RepositoryContext, get: GetSpace) {
  const writing = lockedAccess(db, activeNamespaceByIdAndSlug, 'key share');
  const updated = db.$with('space').as(
    db
      .update(spaces)
      .set({
        ...nextVersion,
        name: sql`coalesce(${param('name')}, ${spaces.name})`,
        slug: sql`coalesce(${param('slug')}, ${spaces.slug})`,
        description: sql`case when ${param('setDescription')}::boolean then ${param('description')}
          else ${spaces.description} end`,
        tags: sql`coalesce(${jsonParam('tags')}, ${spaces.tags})`,
        metadata: sql`case when ${param('setMetadata')}::boolean then ${jsonParam('metadata')}
          else ${spaces.metadata} end`,
      })
      .where(and(inNamespace, hasSlug, isActive, hasRole('editor'), hasVersion(spaces)))
      .returning(spaceColumns),
  );
  const prepareUpdate = (name: string, ...others: WithSubquery[]) =>
    db
      .with(...writing.expressions, updated, recountSpaces(db, 0), ...others)
      .select({
        access: { role: writing.access.role },
        space: updated._.selectedFields,
        contents: contentsOf(),
      })
      .from(writing.access)
      .leftJoin(updated, sql`true`)
      .prepare(name);
  const statement = prepareUpdate('space_update');
  const renaming = prepareUpdate('space_rename', keepSpaceSlug(db));

  /**
   * Updates the given fields. Needs the role `editor`.
   *
   * @param merge computes the metadata from the stored one; null if the changes contain the new metadata
   * @throws `Failure` `slug_taken` when another active space of the namespace has the slug,
   *   `precondition_failed` when the space has none of the expected versions
   */
  return (
    principal: Principal,
    namespaceSlug: string,
    spaceSlug: string,
    fields: SpaceChanges,
    expected: Expected,
    merge: MergeMetadata | null = null,
  ): Promise<AccessResult<FilledSpace>> => {
    const read = (): Promise<AccessResult<FilledSpace>> => get(principal, namespaceSlug, spaceSlug);
    const write = async (
      changes: SpaceChanges,
      versions: Expected,
    ): Promise<AccessResult<FilledSpace>> => {
      const result = await resolveNamespace(principal, namespaceSlug, (scope) =>
        executeOne(changes.slug === undefined ? statement : renaming, {
          ...scope,
          ...versionParams(versions),
          spaceSlug: possibleSlug(spaceSlug),
          quota: quotas.spacesPerNamespace,
          name: changes.name ?? null,
          slug: changes.slug ?? null,
          setDescription: changes.description !== undefined,
          description: changes.description ?? null,
          tags: changes.tags ?? null,
          setMetadata: changes.metadata !== undefined,
          metadata: changes.metadata ?? null,
        }),
      );
      const outcome = result && {
        role: result.role,
        value: withContents(result.row.space, result.row.contents),
      };
      return expectWritten(outcome, 'editor', versions, read);
    };
    const stateOf = (space: FilledSpace) => ({ tag: versionTag(space), metadata: space.metadata });
    return updateFields({ needed: 'editor', stateOf, read, write }, fields, expected, merge);
  };
}
