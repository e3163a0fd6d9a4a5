import type { FastifyInstance, FastifyServerOptions, preValidationHookHandler } from 'fastify';
import type { Violation } from '../../errors.js';
import { SLUG_PATTERN } from '../../slug.js';
import { TAGS_PATTERN } from '../conventions/etag.js';
import { KEY_PATTERN } from '../conventions/idempotency-key.js';
import { SEGMENT_PATTERN } from '../folders/path.js';
import { isText, keywords, UNSTORABLE } from './keywords.js';

type AjvOptions = NonNullable<NonNullable<FastifyServerOptions['ajv']>['customOptions']>;

/**
 * The options of Ajv for all requests: no value is coerced or removed, and all violations are reported.
 */
export const ajvOptions = {
  removeAdditional: false,
  coerceTypes: false,
  useDefaults: true,
  allErrors: true,
  allowUnionTypes: true,
  // A test validates the schemas; doing it at each start takes a tenth of the start.
  validateSchema: false,
  keywords,
  formats: { text: isText },
} satisfies AjvOptions;

/**
 * Converts the strings of a query string to the types that the route's schema declares, before validation:
 * decimal digits to an integer, `true` and `false` to a boolean, a single value to an array. The schema then
 * rejects all other values.
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

/** The conversions by declared type. */
const queryReaders: Record<string, (value: string) => unknown> = {
  integer: (value) => (/^-?\d+$/.test(value) ? Number(value) : value),
  boolean: (value) => (value === 'true' ? true : value === 'false' ? false : value),
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

/** The option `schemaErrorFormatter` of Fastify: a placeholder, because `invalid` writes the message. */
export function unformatted(): Error {
  return new Error('The request does not match its schema');
}

/** A validation error of Ajv. */
export interface Finding {
  keyword: string;
  instancePath: string;
  params: Record<string, unknown>;
  message?: string;
}

const MAX_KEY_LENGTH = 100;

/** Messages for the patterns of schemas. */
const patternWords: Record<string, string> = {
  [SLUG_PATTERN]:
    'must consist of a-z, 0-9, dots, underscores and hyphens, and begin with a letter or a digit',
  [TAGS_PATTERN]: 'must be *, or ETags as the service sent them, including the quotes',
  [SEGMENT_PATTERN]: 'must not contain a slash, and not be . or ..',
  [KEY_PATTERN]: 'must consist of visible ASCII characters, for example a UUID',
};

/** Converts an error of Ajv to a violation: a JSON Pointer to the field, a code and a message. */
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
        message: 'is not a known field: remove it',
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

/** Escapes a key for a JSON Pointer (RFC 6901 §3), and limits its length. */
function pointerToken(key: unknown): string {
  return String(key).slice(0, MAX_KEY_LENGTH).replaceAll('~', '~0').replaceAll('/', '~1');
}
