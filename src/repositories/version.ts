import { type SQL, sql, type SQLWrapper } from 'drizzle-orm';
import { ServiceError } from '../errors.js';
import { includesRole, type Outcome, param, type Role } from './access.js';

interface Versioned {
  id: string;
  version: number;
}

/**
 * The versions of which a resource must have one to be written, as `versionTag` names them; null
 * writes any.
 */
export type Expected = readonly string[] | null;

/** @returns what names this version of this resource and no other: what entity tags are made of */
export function versionTag({ id, version }: Versioned): string {
  return `${id}-${version}`;
}

/** The parameter of `hasVersion`. No entity tag holds a space. */
export function versionParam(expected: Expected) {
  return { expected: expected?.join(' ') ?? null };
}

/** The condition that a row has one of the versions expected, compared as the row is written. */
export function hasVersion({ id, version }: Record<keyof Versioned, SQLWrapper>): SQL {
  // Null, where nothing is expected, is not false.
  return sql`(concat(${id}, '-', ${version}) = any(string_to_array(${param('expected')}, ' '))) is not false`;
}

/** @throws `ServiceError` `precondition_failed` when the resource has none of the versions expected */
export function expectVersion(resource: Versioned, expected: Expected): void {
  if (expected !== null && !expected.includes(versionTag(resource))) throw preconditionFailed();
}

/**
 * Tells why a write wrote nothing. Costs a statement only where versions were expected.
 *
 * @param needed the least role that the write takes
 * @param find reads what was to be written
 * @returns the outcome, when there is nothing to write or the role does not allow it
 * @throws `ServiceError` `precondition_failed` when it has none of the versions expected
 */
export async function expectWritten<Value>(
  outcome: Outcome<Value>,
  needed: Role,
  expected: Expected,
  find: () => Promise<Outcome<unknown>>,
): Promise<Outcome<Value>> {
  const wasRefused = outcome && outcome.value === null && includesRole(outcome.role, needed);
  if (wasRefused && expected !== null && (await find())?.value) throw preconditionFailed();
  return outcome;
}

function preconditionFailed(): ServiceError {
  return new ServiceError(
    'precondition_failed',
    'The resource is not, or no longer, the one that If-Match names. Get it and try again.',
  );
}
