import { readFile } from 'node:fs/promises';
import { test } from 'tap';
import { breakingChanges } from '../../src/commands/breaking-changes.js';

const text = await readFile(new URL('../../openapi/openapi.json', import.meta.url), 'utf8');

/** @returns the document with one text replaced by another */
function changed(from: string | RegExp, to: string): unknown {
  const other = text.replace(from, to);
  if (other === text) throw new Error(`Not in the document: ${String(from)}`);
  return JSON.parse(other);
}

test('breaking changes are reported, and no others', (t) => {
  const document: unknown = JSON.parse(text);
  t.same(breakingChanges(document, document), []);
  const added = changed('"paths": {', '"paths": { "/new": { "get": { "responses": {} } },');
  t.same(breakingChanges(document, added), []);
  t.same(breakingChanges(added, document), ['get /new: the operation is gone']);

  const lacking = changed(/"totalPages": \{/g, '"pages": {');
  t.ok(breakingChanges(document, lacking).includes('get /namespaces: 200.totalPages is gone'));

  const demanding = changed(/("SpaceCreate": [^]*?"required": \[)/, '$1 "slug",');
  t.same(breakingChanges(document, demanding), [
    'post /namespaces/{slug}/spaces: body.slug is now required',
    'post /namespaces/{slug}/spaces/batch: body.spaces[].slug is now required',
  ]);
  t.same(breakingChanges(demanding, document), []);

  const vague = changed(/("Space": [^]*?"required": \[\s*"id"),\s*"name"/, '$1');
  t.ok(
    breakingChanges(document, vague).includes(
      'post /namespaces/{slug}/spaces: 201.name may now be absent',
    ),
  );
  t.end();
});

/** @returns a document with one operation, whose request and response have a schema */
const documentOf = (schema: object) => {
  const content = { 'application/json': { schema } };
  return {
    info: { version: '1.0.0' },
    paths: { '/a': { post: { requestBody: { content }, responses: { 200: { content } } } } },
  };
};

test('a restriction of requests and a new value of responses are reported', (t) => {
  const restrictions: [title: string, from: object, to: object, lines: string[]][] = [
    ['a lower maxLength', { maxLength: 5 }, { maxLength: 4 }, ['body: maxLength is now 4']],
    ['a new maxLength', {}, { maxLength: 4 }, ['body: maxLength is now 4']],
    ['a higher minimum', { minimum: 0 }, { minimum: 1 }, ['body: minimum is now 1']],
    ['a lower maximum', { maximum: 9 }, { maximum: 8 }, ['body: maximum is now 8']],
    ['fewer items', { maxItems: 9 }, { maxItems: 8 }, ['body: maxItems is now 8']],
    ['another pattern', { pattern: 'a' }, { pattern: 'b' }, ['body: another pattern']],
    ['a new format', {}, { format: 'uuid' }, ['body: another format']],
    [
      'no other properties',
      { type: 'object' },
      { type: 'object', additionalProperties: false },
      ['body: other properties are no longer taken'],
    ],
    ['a removed value', { enum: ['a', 'b'] }, { enum: ['a'] }, ['body: no longer takes b']],
    ['a new value', { enum: ['a'] }, { enum: ['a', 'b'] }, ['200: may now be b']],
    ['a higher maxLength', { maxLength: 4 }, { maxLength: 5 }, []],
    ['no maxLength', { maxLength: 4 }, {}, []],
    ['a lower minimum', { minimum: 1 }, { minimum: 0 }, []],
    ['no pattern', { pattern: 'a' }, {}, []],
    ['other properties', { additionalProperties: false }, {}, []],
  ];
  for (const [title, from, to, lines] of restrictions) {
    const found = breakingChanges(documentOf(from), documentOf(to));
    t.same(
      found,
      lines.map((line) => `post /a: ${line}`),
      title,
    );
  }
  t.end();
});

test('a higher major version permits breaking changes', (t) => {
  const next = changed(/"paths": [^]*/, '"paths": {} }');
  t.not(breakingChanges(JSON.parse(text), next).length, 0);
  const raised: unknown = JSON.parse(JSON.stringify(next).replace('"1.0.0"', '"2.0.0"'));
  t.same(breakingChanges(JSON.parse(text), raised), []);
  t.end();
});
