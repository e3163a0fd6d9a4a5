import { type TSchema, Type } from '@sinclair/typebox';
import { ServiceError } from '../../errors.js';
import type { Contents } from '../../repositories/contents/counters.js';
import { type Expected, preconditionFailed, versionTag } from '../../repositories/version.js';

// The quotation mark is escaped, because generators copy a pattern into a string literal.
const TAG = '(?:W/)?\\x22[\\x21\\x23-\\x7e\\x80-\\xff]*\\x22';

/** `*`, or entity tags separated by commas; empty list elements are allowed (RFC 9110 §5.6.1). */
export const TAGS_PATTERN = `^(?:\\*|[ \\t,]*${TAG}(?:[ \\t]*,[ \\t,]*${TAG})*[ \\t,]*)$`;

/** The headers of operations that write a resource (RFC 9110 §13.1). */
export const WriteConditions = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      pattern: TAGS_PATTERN,
      description:
        'The `ETag` that the resource must still have, a list of which it must have one, or `*`; otherwise the response is 412.',
    }),
  ),
  'if-none-match': Type.Optional(
    Type.String({
      pattern: TAGS_PATTERN,
      description:
        'The `ETag` that the resource must not have, a list, or `*` for any; otherwise the response is 412.',
    }),
  ),
});

/** The headers of operations that read a resource (RFC 9110 §13.1). */
export const ReadConditions = Type.Object({
  'if-match': WriteConditions.properties['if-match'],
  'if-none-match': Type.Optional(
    Type.String({
      pattern: TAGS_PATTERN,
      description:
        'The `ETag` of the representation you have, a list, or `*`; if it is still the current one, the response is 304.',
    }),
  ),
});

/** The conditions of a request, validated by the schema. */
export interface Conditions {
  'if-match'?: string | undefined;
  'if-none-match'?: string | undefined;
}

/** The headers of the operation that creates a resource unless it exists (RFC 9110 §13.1). */
export const EnsureHeaders = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      pattern: TAGS_PATTERN,
      description:
        'Prevents the creation: if the resource does not exist, or has another `ETag`, the response is 412.',
    }),
  ),
  'if-none-match': Type.Optional(
    Type.String({
      pattern: TAGS_PATTERN,
      description:
        '`*`: create only; if the resource exists, the response is 412. The same with the `ETag` of the existing resource.',
    }),
  ),
});

/** Declares the `ETag` of a response, and other headers. */
export function withETag<Schema extends TSchema>(schema: Schema, others: object = {}): Schema {
  const etag = {
    type: 'string',
    description: 'Identifies this version of the resource, for `If-Match` and `If-None-Match`',
  };
  return { ...schema, headers: { etag, ...others } };
}

/**
 * The response where the client has the current representation. Undefined, because null would be sent as a
 * body.
 */
export const NotModified = withETag(
  Type.Unsafe<undefined>(
    Type.Null({ description: 'The representation you have is the current one' }),
  ),
);

/** @returns the strong entity tag of a resource without counts: a new space, or a deleted space or namespace */
export function etagOf(resource: { id: string; version: number }): string {
  return `"${versionTag(resource)}"`;
}

/**
 * @returns the strong entity tag of a namespace. It contains the count of its spaces, because the
 *   representation does, and the count changes without a new version.
 */
export function namespaceEtag(namespace: { id: string; version: number; spaces: number }): string {
  return `"${versionTag(namespace)}.${namespace.spaces}"`;
}

/**
 * @returns the strong entity tag of a space. Unless the space is empty, it contains the counts of its contents,
 *   because the representation does, and they change without a new version.
 */
export function spaceEtag(space: { id: string; version: number; contents: Contents }): string {
  const { folders, episodes, assets } = space.contents;
  const counts = folders + episodes + assets === 0 ? '' : `.${folders}.${episodes}.${assets}`;
  return `"${versionTag(space)}${counts}"`;
}

/**
 * Parses the conditions of a write: `If-Match` with the strong comparison, in which a weak tag never matches,
 * and `If-None-Match` with the weak one (RFC 9110 §8.8.3.2).
 *
 * @returns the versions that the write accepts
 */
export function expectedVersions(conditions: Conditions): Expected {
  const { 'if-match': match, 'if-none-match': noneMatch } = conditions;
  return {
    oneOf: match === undefined || match === '*' ? null : strongTags(match).map(opaqueTag),
    noneOf:
      noneMatch === undefined || noneMatch === '*'
        ? (noneMatch ?? null)
        : entityTags(noneMatch).map(opaqueTag),
  };
}

/**
 * As `expectedVersions`, for a namespace. The count in its tag is ignored, because a write of the namespace
 * does not overwrite it: a space created in the meantime is no reason to reject the write.
 */
export function expectedNamespaceVersions(conditions: Conditions): Expected {
  return withoutCounts(expectedVersions(conditions), /\.\d+$/);
}

/** As `expectedNamespaceVersions`, for a space and the counts of its contents. */
export function expectedSpaceVersions(conditions: Conditions): Expected {
  return withoutCounts(expectedVersions(conditions), /(?:\.\d+){3}$/);
}

function withoutCounts({ oneOf, noneOf }: Expected, counts: RegExp): Expected {
  const withoutCount = (version: string) => version.replace(counts, '');
  return {
    oneOf: oneOf?.map(withoutCount) ?? null,
    noneOf: noneOf === '*' ? noneOf : (noneOf?.map(withoutCount) ?? null),
  };
}

/**
 * Evaluates the conditions of a read (RFC 9110 §13.2.2).
 *
 * @param current the entity tag of the current representation
 * @returns whether the client has the representation, so that the response is 304
 * @throws `Failure` `precondition_failed` when `If-Match` does not match
 */
export function isNotModified(conditions: Conditions, current: string): boolean {
  const { 'if-match': match, 'if-none-match': noneMatch } = conditions;
  if (match !== undefined && match !== '*' && !strongTags(match).includes(current)) {
    throw preconditionFailed();
  }
  return matchesWeakly(noneMatch, current);
}

function matchesWeakly(header: string | undefined, current: string): boolean {
  if (header === undefined) return false;
  return header === '*' || entityTags(header).some((tag) => opaqueTag(tag) === opaqueTag(current));
}

/**
 * Evaluates `If-None-Match` of a request that creates a resource unless it exists, with the weak comparison.
 *
 * @param existing the entity tag of the existing resource
 * @throws `ServiceError` `precondition_failed` when it matches
 */
export function expectNone(header: string | undefined, existing: string): void {
  if (!matchesWeakly(header, existing)) return;
  throw new ServiceError(
    'precondition_failed',
    'The resource exists, which If-None-Match excludes. Send the request without If-None-Match to get the existing one.',
  );
}

function entityTags(header: string): string[] {
  return header.match(/(?:W\/)?"[^"]*"/g) ?? [];
}

function strongTags(header: string): string[] {
  return entityTags(header).filter((tag) => !tag.startsWith('W/'));
}

/** @returns the tag without its quotation marks */
function opaqueTag(tag: string): string {
  return tag.replace(/^W\//, '').slice(1, -1);
}
