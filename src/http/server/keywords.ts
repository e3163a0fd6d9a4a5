import type { FastifyServerOptions } from 'fastify';
import { PATH_MAX_SEGMENTS, SEGMENT_MAX_LENGTH } from '../../path.js';

type AjvOptions = NonNullable<NonNullable<FastifyServerOptions['ajv']>['customOptions']>;
type Keyword = Exclude<NonNullable<AjvOptions['keywords']>, string[]>[number];

interface JsonLimits {
  maxBytes: number;
  maxDepth: number;
  /** of all values, including the object itself */
  maxNodes: number;
  /** whether arrays must not contain arrays or objects */
  flatArrays?: boolean;
}

/**
 * @param name the keyword in the errors of Ajv, and the code of the violation
 * @param problemOf returns the violated rule, or null; it may replace the value in its parent
 */
function rule<Value>(
  name: string,
  problemOf: (value: Value, context?: DataContext) => string | null,
) {
  const validate = (value: Value, context?: DataContext) => {
    const message = problemOf(value, context);
    validate.errors = message === null ? [] : [{ keyword: name, message, params: {} }];
    return message === null;
  };
  const none: { keyword: string; message: string; params: object }[] = [];
  validate.errors = none;
  return validate;
}

/** Replaces a value in its parent by its normalized form. */
function replace(context: DataContext | undefined, value: string): void {
  if (context) context.parentData[context.parentDataProperty] = value;
}

/**
 * Normalizes text for people, so that equal texts have one form: Unicode NFC, and names are trimmed. Runs
 * before the length is checked.
 */
const text: Keyword = {
  keyword: 'x-text',
  type: 'string',
  schemaType: 'string',
  modifying: true,
  before: 'maxLength',
  errors: 'full',
  compile: (kind: 'name' | 'prose') =>
    rule<string>('text', (value, context) => {
      const normalized = value.normalize('NFC');
      const read = kind === 'name' ? normalized.trim() : normalized;
      replace(context, read);
      return kind === 'name' ? nameProblem(read) : null;
    }),
};

/** A path, each segment of which is normalized and checked like a name. */
const path: Keyword = {
  keyword: 'x-path',
  type: 'string',
  schemaType: 'string',
  modifying: true,
  before: 'maxLength',
  errors: 'full',
  compile: (kind: 'root' | 'item') =>
    rule<string>('path', (value, context) => {
      const segments = value.normalize('NFC').split('/');
      const read = segments.map((segment) => segment.trim()).join('/');
      replace(context, read);
      return kind === 'root' && read === '/' ? null : pathProblem(read);
    }),
};

/** @returns the violated rule of a path that is not the root, or null */
function pathProblem(value: string): string | null {
  const [first, ...segments] = value.split('/');
  if (first !== '') return 'must begin with a slash';
  if (segments.length > PATH_MAX_SEGMENTS) return `must have at most ${PATH_MAX_SEGMENTS} segments`;
  for (const segment of segments) {
    if (segment === '') return 'must have a name after each slash';
    if (segment === '.' || segment === '..') return 'must not have a segment . or ..';
    // Characters as JSON Schema counts them.
    if (Array.from(segment).length > SEGMENT_MAX_LENGTH) {
      return `must have segments of at most ${SEGMENT_MAX_LENGTH} characters`;
    }
    const problem = nameProblem(segment);
    if (problem !== null) return `${problem} in each segment`;
  }
  return null;
}

const URI_SCHEMES = ['https', 's3', 'gs', 'az', 'file', 'urn'];

/** The parts of a URI (RFC 3986, appendix B): scheme, authority, path, query and fragment. */
const URI = /^([a-z][a-z0-9+.-]*):(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/is;

/** The characters of a path, a query and a fragment (RFC 3986 §3.3); others are percent-encoded. */
const URI_TEXT = /^(?:[\w.~!$&'()*+,;=:@/?-]|%[\da-f]{2})*$/i;

/** An absolute URI of an object, without credentials. */
const assetUri: Keyword = {
  keyword: 'x-asset-uri',
  type: 'string',
  schemaType: 'boolean',
  errors: 'full',
  compile: () => rule('uri', uriProblem),
};

/** @returns the violated rule of the URI of an asset, or null */
function uriProblem(value: string): string | null {
  const [, scheme = '', authority, path = '', query = '', fragment = ''] = URI.exec(value) ?? [];
  const name = scheme.toLowerCase();
  if (!URI_SCHEMES.includes(name)) {
    return `must be an absolute URI with one of the schemes ${URI_SCHEMES.join(', ')}`;
  }
  // `URL` would remove or escape some of these characters. Brackets enclose an IPv6 address.
  const host = authority?.replace(/^\[([\da-f:.]+)\]/i, '$1') ?? '';
  if (![host, path, query, fragment].every((part) => URI_TEXT.test(part))) {
    return 'must contain only the characters of a URI (RFC 3986), and others percent-encoded in UTF-8';
  }
  if (name === 'urn') {
    return /^urn:[a-z0-9][a-z0-9-]{0,31}:./i.test(value) ? null : 'must be a URN (RFC 8141)';
  }
  if (authority?.includes('@')) return 'must not contain credentials';
  const isComplete = name === 'file' ? path.length > 1 : Boolean(authority);
  if (authority === undefined || !isComplete) {
    return 'must have a host, bucket or path, as in s3://bucket/key';
  }
  return URL.canParse(value) ? null : 'must be an absolute URI';
}

/** The position of a value in its parent. */
interface DataContext {
  parentData: Record<string | number, unknown>;
  parentDataProperty: string | number;
}

/** Control characters, line separators, and characters that reverse the direction of the surrounding text. */
const FORBIDDEN = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u;

/** A visible character: not white space, a format character or one that fonts do not render. */
const VISIBLE = /[^\p{Z}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u;

function nameProblem(name: string): string | null {
  if (FORBIDDEN.test(name)) {
    return 'must not contain control characters, line separators or directional overrides';
  }
  // `minLength` rejects an empty name.
  return name === '' || VISIBLE.test(name) ? null : 'must contain a visible character';
}

/** Items are unique after normalization; Ajv's own `uniqueItems` checks before it. */
const uniqueText: Keyword = {
  keyword: 'x-unique',
  type: 'array',
  schemaType: 'boolean',
  errors: 'full',
  compile: () =>
    rule<unknown[]>('uniqueItems', (value) =>
      new Set(value).size === value.length ? null : 'must NOT have duplicate items',
    ),
};

/** An object that PostgreSQL can store as `jsonb` and returns unchanged. */
const jsonLimits: Keyword = {
  keyword: 'x-json-limits',
  type: 'object',
  schemaType: 'object',
  errors: 'full',
  compile: (limits: JsonLimits) =>
    rule<object>('json_limits', (value) => jsonProblem(value, limits)),
};

export const UNSTORABLE = 'must be valid Unicode without U+0000';

/**
 * @param value a parsed JSON object
 * @returns the rule that it violates, or null
 */
export function jsonProblem(value: object, limits: JsonLimits): string | null {
  const { maxBytes, maxDepth, maxNodes } = limits;
  const seen = { nodes: 0, digits: 0 };
  const problem = nodeProblem(value, maxDepth, limits, seen);
  if (problem === TOO_DEEP) return `must be nested at most ${maxDepth} levels deep`;
  if (problem === TOO_MANY) return `must contain at most ${maxNodes} values`;
  if (problem !== null) return problem;
  const bytes = Buffer.byteLength(JSON.stringify(value)) + seen.digits;
  return bytes > maxBytes
    ? `must be at most ${maxBytes} bytes of JSON, with numbers in PostgreSQL's format, but is ${bytes}`
    : null;
}

const TOO_DEEP = 'too deep';
const TOO_MANY = 'too many';

/** Visits values depth first, within the limits, so that no nesting overflows the stack. */
function nodeProblem(
  node: unknown,
  levels: number,
  limits: JsonLimits,
  seen: { nodes: number; digits: number },
): string | null {
  seen.nodes += 1;
  if (seen.nodes > limits.maxNodes) return TOO_MANY;
  if (typeof node === 'string') return isText(node) ? null : UNSTORABLE;
  if (typeof node === 'number') {
    seen.digits += digitsOf(node);
    // JavaScript parses too large numbers as Infinity, and would serialize them as null.
    return Number.isFinite(node) ? null : 'must contain only finite numbers';
  }
  if (typeof node !== 'object' || node === null) return null;
  if (levels === 0) return TOO_DEEP;
  const isFlat = Array.isArray(node) && limits.flatArrays;
  for (const [key, child] of Object.entries(node)) {
    if (isFlat && typeof child === 'object' && child !== null) {
      return 'must not contain arrays or objects inside arrays';
    }
    const problem = isText(key) ? nodeProblem(child, levels - 1, limits, seen) : UNSTORABLE;
    if (problem !== null) return problem;
  }
  return null;
}

/** @returns how many more digits PostgreSQL writes than JavaScript, because it writes no exponents */
function digitsOf(number: number): number {
  const [, exponent = '0'] = /e([+-]\d+)$/.exec(String(number)) ?? [];
  return Math.abs(Number(exponent));
}

/** @returns whether PostgreSQL can store the string and returns it unchanged */
export function isText(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed();
}

/** The validation rules of this API that JSON Schema lacks. */
export const keywords = [text, path, assetUri, uniqueText, jsonLimits];
