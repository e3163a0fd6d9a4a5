import { type SQL, sql, type SQLWrapper } from 'drizzle-orm';
import { Failure } from '../failure.js';
import { type AccessResult, includesRole, type Role } from './access/principal.js';
import { param } from './access/statement.js';

interface Versioned {
  id: string;
  version: number;
}

/** The versions that a write may find, as `versionTag` names them. */
export interface Expected {
  /** the resource must have one of these; null for any */
  readonly oneOf: readonly string[] | null;
  /** the resource must have none of these; `*` where it must not be there, null for no condition */
  readonly noneOf: readonly string[] | '*' | null;
}

/** @returns the name of this version of this resource: the text of its entity tag */
export function versionTag({ id, version }: Versioned): string {
  return `${id}-${version}`;
}

/** The form of a `versionTag`, with the id as a group. */
const VERSION_TAG = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-\d+$/;

/** The parameters of `hasExpectedId`, `isNamed` and `hasVersion`. No entity tag holds a space. */
export function versionParams({ oneOf, noneOf }: Expected) {
  return {
    expected: oneOf?.join(' ') ?? null,
    expectedIds: oneOf?.flatMap((tag) => VERSION_TAG.exec(tag)?.[1] ?? []).join(' ') ?? null,
    unexpected: noneOf === '*' ? noneOf : (noneOf?.join(' ') ?? null),
  };
}

/** A `versionTag` as an expression. Not by `concat`, which is stable: writes to shards take immutable functions alone. */
export function tagText(id: SQLWrapper, version: SQLWrapper): SQL<string> {
  return sql<string>`(${id}::text || '-' || ${version}::text)`;
}

/** The condition, which an index supports, that a row is one of the expected ones. */
export function hasExpectedId(id: SQLWrapper): SQL {
  return sql`${id} = any(string_to_array(${param('expectedIds')}, ' ')::uuid[])`;
}

/** The condition that a row has one of the versions asked for, or that none is. */
export function isNamed({ id, version }: Record<keyof Versioned, SQLWrapper>): SQL {
  // Null, where nothing is expected, is not false.
  return sql`(${tagText(id, version)} = any(string_to_array(${param('expected')}, ' '))) is not false`;
}

/** The condition that a row has a version that may be written, compared as the row is written. */
export function hasVersion(row: Record<keyof Versioned, SQLWrapper>): SQL {
  return sql`${isNamed(row)} and ${isUnexpected(tagText(row.id, row.version))} is not true`;
}

/**
 * The condition that a tag is one that the write must not find. In a form that the planner cannot decide without a row: of a
 * statement for one shard, Citus leaves out what is false, and fails.
 */
export function isUnexpected(tag: SQLWrapper): SQL {
  const unexpected = sql`${param('unexpected')}::text`;
  return sql`(left(${tag}, 0) || ${unexpected} = '*' or ${tag} = any(string_to_array(${unexpected}, ' ')))`;
}

/** @throws `Failure` `precondition_failed` when the resource has no version that is expected */
export function expectVersion(resource: Versioned, expected: Expected): void {
  expectTag(versionTag(resource), expected);
}

/** As `expectVersion`, of a version tag. */
export function expectTag(tag: string, expected: Expected): void {
  if (!isExpected(tag, expected)) throw preconditionFailed();
}

/** @returns whether a version is one that a write may find */
function isExpected(tag: string, { oneOf, noneOf }: Expected): boolean {
  return oneOf?.includes(tag) !== false && noneOf !== '*' && !noneOf?.includes(tag);
}

/**
 * Explains why a write wrote nothing. Executes a statement only where versions were expected.
 *
 * @param needed the least role that the write takes
 * @param find reads the resource
 * @returns the result, when there is nothing to write or the role does not allow it
 * @throws `Failure` `precondition_failed` when it has none of the expected versions
 */
export async function expectWritten<Value>(
  outcome: AccessResult<Value>,
  needed: Role,
  expected: Expected,
  find: () => Promise<AccessResult<unknown>>,
): Promise<AccessResult<Value>> {
  const wasRefused = outcome && outcome.value === null && includesRole(outcome.role, needed);
  const isConditional = expected.oneOf !== null || expected.noneOf !== null;
  if (wasRefused && isConditional && (await find())?.value) throw preconditionFailed();
  return outcome;
}

/** @returns the failure of a write whose resource has none of the expected versions */
export function preconditionFailed(): Failure {
  return new Failure('precondition_failed', {});
}
