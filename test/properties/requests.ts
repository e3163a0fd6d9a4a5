/** Requests made of what an OpenAPI document declares: valid, nearly valid and hostile. */
import fc, { type Arbitrary } from 'fast-check';
import type { OpenApiDocument, Operation, Schema } from '../helpers/openapi.js';

export interface Request {
  /** where the document has the operation */
  template: string;
  method: (typeof methods)[number];
  path: string;
  headers: Record<string, string>;
  /** as sent; undefined for none */
  body: string | undefined;
  /** whether the body is one that its schema accepts */
  isValid: boolean;
}

/** Few of each, so that requests meet what others have made. */
export const pools = {
  slug: ['n0', 'n1'],
  projectSlug: ['s0', 's1', 's2'],
  subject: ['olga', 'ed', 'vic', 'mia', 'ünï/%2F code', '..a'],
  name: ['e0', 'e1'],
  // Stand for the ids of what is there.
  folderId: ['folder-0', 'folder-1'],
  assetId: ['asset-0', 'asset-1'],
};

const paths = ['/a', '/a/b', '/c', '/c/ä b/日', '/d'];
const uris = ['s3://bucket/key', 'https://example.com/a?b=c', 'urn:a:b', 'file:///data/a.mp4'];

/** Values of members that few texts fit, by their names. */
const valuesByName: Record<string, string[]> = {
  path: paths,
  folder: ['/', ...paths],
  uri: uris,
  episode: pools.name,
};

function poolOf(name: string): string[] {
  return Object.entries(pools).find(([key]) => key === name)?.[1] ?? [];
}

/** Written into JSON as a string, and then put in its place as it is. */
const RAW = '@raw@';
const raw = (json: string) => RAW + json + RAW;

const hostileText = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    '\0',
    'a\0b',
    '\ud800',
    'a\udfff',
    '\ufeff',
    '\u2028',
    '__proto__',
    'constructor',
    "'; drop table spaces; --",
    '%00',
    '../../etc/passwd',
    'null',
    'ß'.repeat(64),
    '🤖',
    '\u200b',
    'a\u202eb',
    'a\u0007b',
    ' a ',
    'Cafe\u0301',
    'می\u200cخواهم',
    '👩\u200d🔬',
    'क्\u200dष',
  ),
  fc.integer({ min: 0, max: 5 }).map((length) => 'é'.repeat(length * 13)),
  fc
    .constantFrom(63, 64, 65, 199, 200, 201, 255, 256, 4999, 5000, 5001)
    .map((length) => 'a'.repeat(length)),
  fc.string({ unit: 'binary', maxLength: 70 }),
);

const nested = (depth: number) => raw('{"a":'.repeat(depth) + '1' + '}'.repeat(depth));

/** Values that no schema expects, or that lie at the edge of what one accepts. */
const hostileValue: Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom(
    null,
    true,
    0,
    -1,
    1.5,
    2 ** 31,
    2 ** 53,
    1e308,
    5e-324,
    [],
    {},
    [null],
    [[]],
    ['a', 'a'],
    Object.fromEntries([['__proto__', { admin: true }]]),
    { constructor: { prototype: { admin: true } } },
    { a: '\0' },
    { '\0': 1 },
    { '\udc00': '\ud800' },
    { toString: 1, valueOf: null, hasOwnProperty: [] },
    ['a', ' a'],
    ['e\u0301', 'é'],
    ['__proto__', '__proto__'],
    raw('9007199254740993'),
    raw('{"id":-9007199254740993}'),
    raw('{"n":[1e-400]}'),
    raw('{"n":5e-324,"m":[1e308,1e308,1e308]}'),
    raw(`[${'1,'.repeat(9000)}1]`),
    raw('1e999'),
    raw('-0'),
    raw('1E-7'),
    raw('0.1000000000000000055511151231257827'),
    raw('12345678901234567890123456789'),
    raw('{"a":1,"a":2}'),
    raw('{"n":-0,"m":1e400}'),
    raw('{"n":-1e-7,"m":1.7976931348623157e308}'),
    nested(15),
    nested(16),
    nested(17),
    nested(3000),
    { big: 'x'.repeat(16 * 1024 - 10) },
    { big: 'x'.repeat(16 * 1024 - 9) },
    Array.from({ length: 50 }, (_, index) => `tag ${index}`),
    Array.from({ length: 51 }, (_, index) => `tag ${index}`),
    'x'.repeat(70_000),
  ),
  fc.jsonValue({ maxDepth: 3, noUnicodeString: false }),
);

const FORBIDDEN = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const VISIBLE = /[^\p{Z}\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}\u2800]/u;

const text = (options: { minLength: number; maxLength: number }) =>
  fc
    .string({ unit: 'binary', ...options })
    // Of names and tags: visible, and nothing that hides or turns text.
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
  /** what resources are called */
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
        // Of an episode.
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
        // What is protected stays so, and nothing could be written any more.
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

function toJson(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    new RegExp(`"${RAW}(.*?)${RAW}"`, 'g'),
    (_whole, json: string) => json.replaceAll('\\"', '"'),
  );
}

const bodyText = (schema: Schema, context: Context) => {
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

const pathSegment = (name: string) =>
  fc
    .oneof(
      { weight: 12, arbitrary: fc.constantFrom(...poolOf(name)).map(encodeURIComponent) },
      {
        weight: 2,
        arbitrary: hostileText
          .filter((value) => value.isWellFormed())
          // An empty one at the end of a path is the path without it.
          .filter((value) => value !== '')
          .map((value) => encodeURIComponent(value)),
      },
      {
        weight: 1,
        arbitrary: fc.constantFrom(
          '%',
          '%zz',
          '%00',
          '%C0%80',
          '%ED%A0%80',
          '%2F',
          '%252F',
          '%E0%A4',
        ),
      },
    )
    // Whoever makes a URL resolves these: it is another URL then.
    .filter((segment) => !/^(\.|%2e){1,2}$/i.test(segment));

/** Stands for the entity tag that the resource had last. */
export const CURRENT = '"current"';

const entityTag = fc.constantFrom(
  CURRENT,
  CURRENT,
  CURRENT,
  '*',
  '*',
  '"x"',
  'W/"x"',
  '""',
  '"a", "b"',
  ',',
  '*, "a"',
  '"0199b2f4-5a07-7c11-8f2d-6e3b9d0c1a52-1"',
  '"0199b2f4-5a07-7c11-8f2d-6e3b9d0c1a52-1.5"',
  `"${'a'.repeat(8000)}"`,
  '"\u00ff"',
  '\u00e9',
  '"a',
  '" "',
);
const idempotencyKey = fc.oneof(
  fc.constantFrom('k0', 'k1', 'k2', '', ' ', 'a b', '\u00e9', 'k'.repeat(255), 'k'.repeat(256)),
  fc.uuid(),
);
/** What Node takes of a header: no control characters, and each byte a character. */
const headerText = fc
  .array(fc.integer({ min: 0x20, max: 0xff }), { maxLength: 40 })
  .map((bytes) => String.fromCharCode(...bytes.filter((byte) => byte !== 0x7f)));
const contentType = fc.oneof(
  fc.constantFrom(
    'application/json',
    'application/json; charset=utf-8',
    'APPLICATION/JSON',
    'application/merge-patch+json',
    'application/merge-patch+json;charset=latin1',
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data',
    'application/jsonx',
    '',
    ';',
  ),
  headerText,
);

/** A header that is there once in so many requests. */
const once = (arbitrary: Arbitrary<string>, often: number): Arbitrary<string | undefined> =>
  fc.oneof({ weight: often - 1, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });

const query = (operation: Operation) => {
  const names = (operation.parameters ?? [])
    .filter((parameter) => parameter.in === 'query')
    .map(({ name }) => name);
  const value = fc.oneof(
    fc.integer({ min: 1, max: 300 }).map(String),
    fc.constantFrom('0', '-1', '1.5', '1e3', '', ' 1', '2147483647', '2147483648', '9'.repeat(400)),
    fc.constantFrom(
      '9999-12-31T23:59:59-01:00',
      '9999-12-31T23:59:60Z',
      '0000-01-01T00:00:00+23:59',
      '2026-02-30T00:00:00Z',
      '2026-01-01t00:00:00.9999999999z',
      '{"id":9007199254740993}',
      '{"n":[[[[1]]]]}',
      '{"n":1e-400}',
      'start',
      'what?&x',
      '/',
      '/a',
      '/c/ä b',
      '/a/../b',
      'true',
      'e0',
      'running',
      'video',
      `sha256:${'0'.repeat(64)}`,
    ),
    hostileText.filter((each) => each.isWellFormed()),
  );
  const pair = fc
    .tuple(fc.constantFrom(...names, ...names, ...names, 'unknown', '__proto__', 'page[]'), value)
    .map(([name, text]) => `${name}=${encodeURIComponent(text)}`);
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant('') },
    { weight: names.length === 0 ? 0 : 4, arbitrary: pair.map((one) => `?${one}`) },
    {
      weight: 1,
      arbitrary: fc.array(pair, { maxLength: 3 }).map((pairs) => `?${pairs.join('&')}`),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        '?',
        '?&',
        '?=',
        '?page',
        '?%',
        '?page=%zz',
        '?q=caf%E9',
        '?q=%C0%80',
        '?q=what?&tag=x&pageSize=1',
        '/',
      ),
    },
  );
};

const methods = ['get', 'post', 'put', 'patch', 'delete'] as const;

function requestOf(
  document: OpenApiDocument,
  template: string,
  method: (typeof methods)[number],
  operation: Operation,
): Arbitrary<Request> {
  const resolve = (schema: Schema): Schema =>
    schema.$ref === undefined
      ? schema
      : (document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {});
  const slugs = poolOf(template.startsWith('/namespaces/{slug}/') ? 'projectSlug' : 'slug');
  const declared = Object.entries(operation.requestBody?.content ?? {});
  const [first] = declared;
  const names = [...template.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const header = (name: string, arbitrary: Arbitrary<string>, often: number) =>
    once(arbitrary, operation.parameters?.some((each) => each.name === name) ? often : 20);

  const body: Arbitrary<{ body: string | undefined; isValid: boolean }> = first
    ? bodyText(resolve(first[1].schema ?? {}), { resolve, slugs })
    : fc.oneof(
        { weight: 5, arbitrary: fc.constant({ body: undefined, isValid: true }) },
        {
          weight: 1,
          arbitrary: hostileValue.map((value) => ({ body: toJson(value), isValid: false })),
        },
      );
  const usualType = fc.constantFrom(...declared.map(([type]) => type), ...(first ? [] : ['']));
  return fc
    .record({
      segments: fc.tuple(...names.map(pathSegment)),
      isAlias: fc.boolean(),
      query: query(operation),
      body,
      contentType: fc.oneof(
        { weight: 9, arbitrary: usualType.map((type) => ({ type, isUsual: true })) },
        { weight: 1, arbitrary: contentType.map((type) => ({ type, isUsual: false })) },
      ),
      ifMatch: header('if-match', entityTag, 4),
      ifNoneMatch: header('if-none-match', entityTag, 3),
      key: header('idempotency-key', idempotencyKey, 3),
      requestId: once(headerText, 10),
      accept: once(headerText, 10),
      forwarded: once(headerText, 20),
      expect: once(fc.constantFrom('tea', '100-continue'), 40),
      coding: once(fc.constantFrom('gzip', 'identity', 'br', ''), 30),
    })
    .map(({ segments, isAlias, query, body: { body, isValid }, contentType, ...rest }) => {
      const values = [...segments];
      const filled = template.replaceAll(/\{\w+\}/g, () => values.shift() ?? '');
      const isSpaces = /^\/namespaces\/[^/]*\/(spaces|projects)/;
      const aliased = filled.replace(isSpaces, (part) =>
        part.replace(/(spaces|projects)$/, (noun) => (noun === 'spaces' ? 'projects' : 'spaces')),
      );
      const headers = Object.entries({
        'content-type': contentType.type === '' ? undefined : contentType.type,
        'if-match': rest.ifMatch,
        'if-none-match': rest.ifNoneMatch,
        'idempotency-key': rest.key,
        'x-request-id': rest.requestId,
        accept: rest.accept,
        'x-forwarded-for': rest.forwarded,
        expect: rest.expect,
        'content-encoding': rest.coding,
      }).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
      return {
        template,
        method,
        path: (isAlias ? aliased : filled) + query,
        headers: Object.fromEntries(headers),
        body,
        isValid: isValid && contentType.isUsual,
      };
    });
}

/** @returns requests for every operation of the document alike */
export function requests(document: OpenApiDocument): Arbitrary<Request> {
  return fc.oneof(
    ...Object.entries(document.paths).flatMap(([template, operations]) =>
      methods.flatMap((method) => {
        const operation = operations[method];
        return operation ? [requestOf(document, template, method, operation)] : [];
      }),
    ),
  );
}
