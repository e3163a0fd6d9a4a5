import type { FastifyInstance, FastifyServerOptions, preValidationHookHandler } from 'fastify';
import type { Violation } from '../errors.js';
import { SLUG_PATTERN } from '../slug.js';
import { TAGS_PATTERN } from './conditional.js';
import { KEY_PATTERN } from './idempotency.js';

type AjvOptions = NonNullable<NonNullable<FastifyServerOptions['ajv']>['customOptions']>;
type Keyword = Exclude<NonNullable<AjvOptions['keywords']>, string[]>[number];

interface JsonLimits {
  maxBytes: number;
  maxDepth: number;
}

/** White space around the string goes before its length is looked at. */
const trim: Keyword = {
  keyword: 'x-trim',
  type: 'string',
  schemaType: 'boolean',
  modifying: true,
  before: 'maxLength',
  errors: false,
  compile: () => (value: string, context) => {
    if (context) Reflect.set(context.parentData, context.parentDataProperty, value.trim());
    return true;
  },
};

/** An object that PostgreSQL can store as `jsonb` and that reads back as it was sent. */
const jsonLimits: Keyword = {
  keyword: 'x-json-limits',
  type: 'object',
  schemaType: 'object',
  errors: 'full',
  compile: (limits: JsonLimits) => {
    const validate = (value: object) => {
      const problem = jsonProblem(value, limits);
      validate.errors =
        problem === null ? [] : [{ keyword: 'json_limits', message: problem, params: {} }];
      return problem === null;
    };
    validate.errors = [] as { keyword: string; message: string; params: object }[];
    return validate;
  },
};

const UNSTORABLE = 'must be valid Unicode without U+0000';

/**
 * @param value an object of parsed JSON
 * @returns what keeps it from being stored, or null
 */
export function jsonProblem(value: object, { maxBytes, maxDepth }: JsonLimits): string | null {
  const problem = nodeProblem(value, maxDepth);
  if (problem === TOO_DEEP) return `must be nested at most ${maxDepth} levels deep`;
  if (problem !== null) return problem;
  const bytes = Buffer.byteLength(JSON.stringify(value));
  return bytes > maxBytes ? `must be at most ${maxBytes} bytes of JSON, is ${bytes}` : null;
}

const TOO_DEEP = 'too deep';

/** Depth first, and never deeper than `levels`, so that no nesting can exhaust the stack. */
function nodeProblem(node: unknown, levels: number): string | null {
  if (typeof node === 'string') return isText(node) ? null : UNSTORABLE;
  // JSON can write numbers that JavaScript reads as infinite and would write back as null.
  if (typeof node === 'number') return Number.isFinite(node) ? null : 'must hold finite numbers';
  if (typeof node !== 'object' || node === null) return null;
  if (levels === 0) return TOO_DEEP;
  for (const [key, child] of Object.entries(node)) {
    const problem = isText(key) ? nodeProblem(child, levels - 1) : UNSTORABLE;
    if (problem !== null) return problem;
  }
  return null;
}

/** @returns whether PostgreSQL can store the string and will give back the same */
export function isText(value: string): boolean {
  return !value.includes('\0') && value.isWellFormed();
}

/**
 * How requests are validated, everywhere alike: nothing is coerced, dropped or guessed, and every
 * violation is found.
 */
export const ajvOptions = {
  removeAdditional: false,
  coerceTypes: false,
  useDefaults: true,
  allErrors: true,
  allowUnionTypes: true,
  // They are ours, and looked at where the document is tested: at each start it would take a tenth of it.
  validateSchema: false,
  keywords: [trim, jsonLimits],
  formats: { text: isText },
} satisfies AjvOptions;

/**
 * A query string holds only strings. Where a route's schema declares integers, strings of decimal
 * digits become numbers before validation, and where it declares an array, a single string becomes
 * one; anything else stays as it is and is refused by its type.
 */
export function readQuery(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    const readers = readersOf(route.schema?.querystring);
    if (readers.length === 0) return;
    const read: preValidationHookHandler = ({ query }, _reply, done) => {
      if (typeof query === 'object' && query !== null) {
        for (const [name, reader] of readers) {
          const value: unknown = Reflect.get(query, name);
          if (typeof value === 'string') Reflect.set(query, name, reader(value));
        }
      }
      done();
    };
    const others = route.preValidation ?? [];
    route.preValidation = [read, ...(Array.isArray(others) ? others : [others])];
  });
}

/** By the type that a schema declares. */
const queryReaders: Record<string, (value: string) => unknown> = {
  integer: (value) => (/^-?\d+$/.test(value) ? Number(value) : value),
  array: (value) => [value],
};

function readersOf(schema: unknown): [string, (value: string) => unknown][] {
  if (typeof schema !== 'object' || schema === null || !('properties' in schema)) return [];
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]: [string, unknown]) => {
    const reader = queryReaders[typeOf(property)];
    return reader ? [[name, reader]] : [];
  });
}

function typeOf(schema: unknown): string {
  return typeof schema === 'object' && schema !== null && 'type' in schema
    ? String(schema.type)
    : '';
}

/** A finding of Ajv. */
export interface Finding {
  keyword: string;
  instancePath: string;
  params: Record<string, unknown>;
  message?: string;
}

const MAX_KEY_LENGTH = 100;

/** What the patterns of schemas ask for. */
const patternWords: Record<string, string> = {
  [SLUG_PATTERN]:
    'must be of a-z, 0-9, dots, underscores and hyphens, and begin with a letter or a digit',
  [TAGS_PATTERN]: 'must be *, or an ETag as it was answered, with its quotes',
  [KEY_PATTERN]: 'must be of visible ASCII characters, a UUID for example',
};

/** @returns what a client can act on: a JSON Pointer to the field, a code, and words */
export function toViolation({ keyword, instancePath, params, message }: Finding): Violation {
  switch (keyword) {
    case 'required':
      return {
        path: `${instancePath}/${pointerToken(params['missingProperty'])}`,
        code: 'required',
        message: 'is required',
      };
    case 'additionalProperties':
      return {
        path: `${instancePath}/${pointerToken(params['additionalProperty'])}`,
        code: 'unknown_field',
        message: 'is not a known field: leave it out',
      };
    case 'format':
      return {
        path: instancePath,
        code: 'format',
        message: params['format'] === 'text' ? UNSTORABLE : `must be a ${String(params['format'])}`,
      };
    case 'enum':
      return {
        path: instancePath,
        code: 'enum',
        message: `must be one of: ${[params['allowedValues']].flat().join(', ')}`,
      };
    default:
      return {
        path: instancePath,
        code: keyword.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
        message: patternWords[String(params['pattern'])] ?? message ?? 'is not valid',
      };
  }
}

/** Escapes a key for a JSON Pointer (RFC 6901 §3), and keeps a hostile one short. */
function pointerToken(key: unknown): string {
  return String(key).slice(0, MAX_KEY_LENGTH).replaceAll('~', '~0').replaceAll('/', '~1');
}
