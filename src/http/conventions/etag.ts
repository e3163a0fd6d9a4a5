import { type TSchema, Type } from '@sinclair/typebox';
import { ServiceError } from '../../errors.js';
import type { Contents } from '../../repositories/contents/counters.js';
import { type Expected, preconditionFailed, versionTag } from '../../repositories/version.js';

// No quotation mark as such: generators write a pattern into a string as it is.
const TAG = '(?:W/)?\\x22[\\x21\\x23-\\x7e\\x80-\\xff]*\\x22';

/** `*`, or entity tags separated by commas; more commas than needed are allowed (RFC 9110 §5.6.1). */
export const TAGS_PATTERN = `^(?:\\*|[ \\t,]*${TAG}(?:[ \\t]*,[ \\t,]*${TAG})*[ \\t,]*)$`;

/** Of operations that write a resource (RFC 9110 §13.1). */
export const WriteConditions = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      pattern: TAGS_PATTERN,
      description:
        'The `ETag` that the resource must still have, one of several, or `*`; otherwise the answer is 412.',
    }),
  ),
  'if-none-match': Type.Optional(
    Type.String({
      pattern: TAGS_PATTERN,
      description:
        'The `ETag` that the resource must not have, several, or `*` for any; otherwise the answer is 412.',
    }),
  ),
});

/** Of operations that read a resource (RFC 9110 §13.1). */
export const ReadConditions = Type.Object({
  'if-match': WriteConditions.properties['if-match'],
  'if-none-match': Type.Optional(
    Type.String({
      pattern: TAGS_PATTERN,
      description:
        'The `ETag` of the representation you have, several, or `*`; when it is still the current one, the answer is 304.',
    }),
  ),
});

/** The conditions of a request, each header one that fits its schema. */
export interface Conditions {
  'if-match'?: string | undefined;
  'if-none-match'?: string | undefined;
}

/** Of the operation that creates a resource unless it exists (RFC 9110 §13.1). */
export const EnsureHeaders = Type.Object({
  'if-match': Type.Optional(
    Type.String({
      pattern: TAGS_PATTERN,
      description:
        'Creates nothing: when the resource is not there, or has another `ETag`, the answer is 412.',
    }),
  ),
  'if-none-match': Type.Optional(
    Type.String({
      pattern: TAGS_PATTERN,
      description:
        '`*` creates only: when the resource is there, the answer is 412. So it is with the `ETag` that it has.',
    }),
  ),
});

/** Declares the `ETag` of a response, and other headers of its own. */
export function withETag<Schema extends TSchema>(schema: Schema, others: object = {}): Schema {
  const etag = {
    type: 'string',
    description: 'Names this version of the resource, for `If-Match` and `If-None-Match`',
  };
  return { ...schema, headers: { etag, ...others } };
}

/** The response to a read of a representation that the client has. It has no body: sending null would make one. */
export const NotModified = withETag(
  Type.Unsafe<undefined>(
    Type.Null({ description: 'The representation you have is the current one' }),
  ),
);

/** @returns the strong entity tag of a space, and of a deleted resource */
export function etagOf(resource: { id: string; version: number }): string {
  return `"${versionTag(resource)}"`;
}

/**
 * @returns the strong entity tag of a namespace. Its representation holds the count of its spaces,
 *   which changes without a new version, so the tag holds it too.
 */
export function namespaceEtag(namespace: { id: string; version: number; spaces: number }): string {
  return `"${versionTag(namespace)}.${namespace.spaces}"`;
}

/**
 * @returns the strong entity tag of a space. Its representation has the counts of its contents, which change
 *   without a new version, so the tag of a space that is not empty has them too.
 */
export function spaceEtag(space: { id: string; version: number; contents: Contents }): string {
  const { folders, episodes, assets } = space.contents;
  const counts = folders + episodes + assets === 0 ? '' : `.${folders}.${episodes}.${assets}`;
  return `"${versionTag(space)}${counts}"`;
}

/**
 * Reads the conditions of a write: `If-Match` by the strong comparison, to which a weak tag matches nothing, and
 * `If-None-Match` by the weak one (RFC 9110 §8.8.3.2).
 *
 * @returns the versions that the write may find
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
 * As `expectedVersions`, of a namespace. The count in its tag is ignored, because no write of the namespace
 * can lose it: a space that was created meanwhile is no reason to reject the write.
 */
export function expectedNamespaceVersions(conditions: Conditions): Expected {
  return withoutCounts(expectedVersions(conditions), /\.\d+$/);
}

/** As `expectedNamespaceVersions`, of a space and the counts of its contents. */
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
 * @param current the entity tag of the representation, as it is sent
 * @returns whether the client has it already, and the response is 304
 * @throws `Failure` `precondition_failed` when `If-Match` names another
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
 * Reads `If-None-Match` of a request to create, by the same comparison.
 *
 * @param existing the entity tag of the existing resource
 * @throws `ServiceError` `precondition_failed` when the request is only to create
 */
export function expectNone(header: string | undefined, existing: string): void {
  if (!matchesWeakly(header, existing)) return;
  throw new ServiceError(
    'precondition_failed',
    'It is there already. Send the request without If-None-Match to be answered what is there.',
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
