/** Bodies of requests: valid, nearly valid and hostile. */
import fc, { type Arbitrary } from 'fast-check';
import type { Schema } from '../helpers/openapi.js';
import { hostileValue, toJson } from './hostile-values.js';
import { pools } from './pools.js';

const paths = ['/a', '/a/b', '/c', '/c/ä b/日', '/d'];
const uris = ['s3://bucket/key', 'https://example.com/a?b=c', 'urn:a:b', 'file:///data/a.mp4'];

/** Values of members whose pattern few texts match, by name. */
const valuesByName: Record<string, string[]> = {
  path: paths,
  folder: ['/', ...paths],
  uri: uris,
  episode: pools.name,
};

const FORBIDDEN = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const VISIBLE = /[^\p{Z}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u;

const text = (options: { minLength: number; maxLength: number }) =>
  fc
    .string({ unit: 'binary', ...options })
    // Names and tags: visible, without control and bidirectional characters.
    .filter((value) => /[\p{L}\p{N}\p{P}\p{S}]/u.test(value))
    .map((value) => value.replace(FORBIDDEN, ' ').normalize('NFC').trim())
    .filter((value) => VISIBLE.test(value) && Array.from(value).length <= options.maxLength);

const metadata = fc
  .dictionary(
    fc.string({ minLength: 1, maxLength: 5 }).filter((key) => !reachesPrototype(key)),
    fc.oneof(
      fc.double({ noNaN: true, min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
      fc.string(),
      fc.boolean(),
    ),
    { noNullPrototype: true, maxKeys: 5 },
  )
  .map((members): unknown => members);

function reachesPrototype(key: string): boolean {
  return key === '__proto__' || key === 'constructor';
}

const isNullable = ({ type }: Schema) => Array.isArray(type) && type.includes('null');

interface Context {
  resolve: (schema: Schema) => Schema;
  /** the slugs of resources */
  slugs: string[];
}

/** @returns values that the schema accepts */
function validValue(name: string, schema: Schema, context: Context): Arbitrary<unknown> {
  const { resolve, slugs } = context;
  const value = ((): Arbitrary<unknown> => {
    const type = [schema.type].flat()[0];
    if (schema.enum) return fc.constantFrom(...schema.enum);
    switch (type) {
      case 'string': {
        const known = valuesByName[name];
        if (known) return fc.constantFrom(...known);
        // The name of an episode.
        if (name === 'name' && schema.pattern !== undefined) return fc.constantFrom(...pools.name);
        if (schema.pattern !== undefined && name !== 'slug') {
          return fc.stringMatching(new RegExp(schema.pattern), {
            maxLength: schema.maxLength ?? 100,
          });
        }
        if (name === 'slug') {
          const pattern = new RegExp(schema.pattern ?? '');
          return fc.oneof(
            { weight: 4, arbitrary: fc.constantFrom(...slugs) },
            { weight: 1, arbitrary: fc.stringMatching(pattern) },
          );
        }
        const { minLength = 0, maxLength = 100 } = schema;
        return text({ minLength: Math.max(minLength, 1), maxLength: Math.min(maxLength, 300) });
      }
      case 'boolean':
        // Write protection is permanent, and would reject all later writes.
        return name === 'writeProtected' ? fc.constant(false) : fc.boolean();
      case 'integer':
        return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 9 });
      case 'array':
        return fc.uniqueArray(validValue('', resolve(schema.items ?? {}), context), {
          minLength: schema.minItems ?? 0,
          maxLength: Math.min(schema.maxItems ?? 5, 5),
        });
      case 'object': {
        if (!schema.properties) return metadata;
        const members = Object.entries(schema.properties).map(
          ([key, member]) => [key, validValue(key, resolve(member), context)] as const,
        );
        const { required = [] } = schema;
        return fc.record(Object.fromEntries(members), {
          requiredKeys: required,
          noNullPrototype: true,
        });
      }
      default:
        throw new Error(`No values are known of the type ${String(type)}`);
    }
  })();
  return isNullable(schema) ? fc.option(value, { freq: 8 }) : value;
}

export const bodyText = (schema: Schema, context: Context) => {
  const valid = validValue('', schema, context);
  const keys = [...Object.keys(schema.properties ?? {}), '__proto__', 'constructor', 'unknown'];
  const nearly = fc
    .tuple(valid, fc.constantFrom(...keys), hostileValue)
    .map(([value, key, hostile]) =>
      toJson(Object.fromEntries([...Object.entries(value ?? {}), [key, hostile]])),
    );
  const without = fc
    .tuple(valid, fc.constantFrom(...keys))
    .map(([value, key]) =>
      toJson(Object.fromEntries(Object.entries(value ?? {}).filter(([other]) => other !== key))),
    );
  const hopeless = fc.oneof(
    hostileValue.map(toJson),
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      '',
      '{',
      '[',
      '{"name":}',
      '['.repeat(20_000),
      `{"name":"${'x'.repeat(66_000)}"}`,
    ),
  );
  return fc.oneof(
    { weight: 6, arbitrary: valid.map((value) => ({ body: toJson(value), isValid: true })) },
    { weight: 5, arbitrary: nearly.map((body) => ({ body, isValid: false })) },
    { weight: 1, arbitrary: without.map((body) => ({ body, isValid: false })) },
    { weight: 1, arbitrary: hopeless.map((body) => ({ body, isValid: false })) },
  );
};
