import { readFile } from 'node:fs/promises';
import { test } from 'tap';
import { breakingChanges } from '../../src/commands/breaking-changes.js';

const text = await readFile(new URL('../openapi/openapi.json', import.meta.url), 'utf8');

/** The document with one text in the place of another. */
function changed(from: string | RegExp, to: string): unknown {
  const other = text.replace(from, to);
  if (other === text) throw new Error(`Not in the document: ${String(from)}`);
  return JSON.parse(other);
}

test('what breaks callers is named, and nothing else is', (t) => {
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

test('a higher major version may break callers', (t) => {
  const next = changed(/"paths": [^]*/, '"paths": {} }');
  t.not(breakingChanges(JSON.parse(text), next).length, 0);
  const raised: unknown = JSON.parse(JSON.stringify(next).replace('"1.0.0"', '"2.0.0"'));
  t.same(breakingChanges(JSON.parse(text), raised), []);
  t.end();
});
