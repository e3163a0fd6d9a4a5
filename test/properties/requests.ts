/** Requests for the operations of an OpenAPI document: valid, nearly valid and hostile. */
import fc, { type Arbitrary } from 'fast-check';
import type { OpenApiDocument, Operation, Schema } from '../helpers/openapi.js';
import { bodyText } from './bodies.js';
import { hostileText, hostileValue, toJson } from './hostile-values.js';
import { poolOf } from './pools.js';

export interface Request {
  /** the path of the operation in the document */
  template: string;
  method: (typeof methods)[number];
  path: string;
  headers: Record<string, string>;
  /** the text that is sent; undefined for no body */
  body: string | undefined;
  /** whether the body is one that its schema accepts */
  isValid: boolean;
}

const pathSegment = (name: string) =>
  fc
    .oneof(
      { weight: 12, arbitrary: fc.constantFrom(...poolOf(name)).map(encodeURIComponent) },
      {
        weight: 2,
        arbitrary: hostileText
          .filter((value) => value.isWellFormed())
          // A path with an empty last segment equals the path without it.
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
    // URL parsers resolve these segments.
    .filter((segment) => !/^(\.|%2e){1,2}$/i.test(segment));

/** Replaced by the last entity tag of the resource. */
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
/** A header that Node accepts: no control characters, and each byte a character. */
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

/** A header that is present in one of `often` requests. */
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

/** @returns requests for every operation of the document, with equal weights */
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
