import { type SQL, sql, type SQLWrapper } from 'drizzle-orm';
import { Failure } from '../failure.js';
import { type AccessResult, includesRole, type Role } from './access/principal.js';
import { param } from './access/statement.js';

interface Versioned {
  id: string;
  version: number;
}

/** The versions that a write accepts, in the form of `versionTag`. */
export interface Expected {
  /** the resource must have one of these; null for any */
  readonly oneOf: readonly string[] | null;
  /** the resource must have none of these; `*` if it must not exist, null for no condition */
  readonly noneOf: readonly string[] | '*' | null;
}

/** @returns the text of the entity tag of a version of a resource */
export function versionTag({ id, version }: Versioned): string {
  return `${id}-${version}`;
}

/** The format of a `versionTag`, with the id as a group. */
const VERSION_TAG = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-\d+$/;

/** @returns an item of the list of unexpected tags, which thereby differs from the marker `*` */
const ended = (tag: string) => `${tag} `;

/**
 * The parameters of `hasExpectedId`, `isNamed` and `hasVersion`: lists separated by blanks, which no entity tag
 * contains.
 */
export function versionParams({ oneOf, noneOf }: Expected) {
  return {
    expected: oneOf?.join(' ') ?? null,
    expectedIds: oneOf?.flatMap((tag) => VERSION_TAG.exec(tag)?.[1] ?? []).join(' ') ?? null,
    unexpected: noneOf === '*' ? noneOf : (noneOf?.map(ended).join('') ?? null),
  };
}

/**
 * A `versionTag` as an SQL expression. Without `concat`, which is not immutable: Citus allows only immutable
 * functions in writes.
 */
export function tagText(id: SQLWrapper, version: SQLWrapper): SQL<string> {
  return sql<string>`(${id}::text || '-' || ${version}::text)`;
}

/** The condition that a row has one of the expected ids; it can use an index. */
export function hasExpectedId(id: SQLWrapper): SQL {
  return sql`${id} = any(string_to_array(${param('expectedIds')}, ' ')::uuid[])`;
}

/** The condition that a row has one of the expected versions, or that no version is expected. */
export function isNamed({ id, version }: Record<keyof Versioned, SQLWrapper>): SQL {
  // Without an expected version the comparison is null, which is not false.
  return sql`(${tagText(id, version)} = any(string_to_array(${param('expected')}, ' '))) is not false`;
}

/** The condition that a row has a version that the write accepts, evaluated on the row as it is written. */
export function hasVersion(row: Record<keyof Versioned, SQLWrapper>): SQL {
  return sql`${isNamed(row)} and ${isUnexpected(tagText(row.id, row.version))} is not true`;
}

/**
 * The condition that the write must not find this tag. In a form that the planner cannot evaluate without a
 * row, because Citus fails for a statement whose condition is known to be false.
 */
export function isUnexpected(tag: SQLWrapper): SQL {
  const unexpected = sql`${param('unexpected')}::text`;
  return sql`(left(${tag}, 0) || ${unexpected} = '*' or ${tag} = any(string_to_array(${unexpected}, ' ')))`;
}

/** @throws `Failure` `precondition_failed` when the resource has none of the expected versions */
export function expectVersion(resource: Versioned, expected: Expected): void {
  expectTag(versionTag(resource), expected);
}

/** As `expectVersion`, for a version tag. */
export function expectTag(tag: string, expected: Expected): void {
  if (!isExpected(tag, expected)) throw preconditionFailed();
}

/** @returns whether a write accepts a version */
function isExpected(tag: string, { oneOf, noneOf }: Expected): boolean {
  return oneOf?.includes(tag) !== false && noneOf !== '*' && !noneOf?.includes(tag);
}

/**
 * Finds out why a write did nothing. Executes a statement only if versions were expected.
 *
 * @param needed the minimum role for the write
 * @param find reads the resource
 * @returns `outcome`, if no precondition was the reason
 * @throws `Failure` `precondition_failed` when the resource has none of the expected versions
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
