import t, { test } from 'tap';
import { isProblem } from '../../helpers/problem.js';
import { assertProblem, INVALID, read, Space, startSpaces } from '../../helpers/spaces.js';

const { owner, makeNamespace } = await startSpaces(t);

/** @returns `count` nested objects */
const levels = (count: number): object => (count === 1 ? {} : { l: levels(count - 1) });

/** @returns an object of exactly so many bytes as JSON, mostly in letters of two bytes */
function metadataOf(bytes: number): object {
  const rest = bytes - Buffer.byteLength('{"k":""}');
  return { k: 'é'.repeat(Math.floor(rest / 2)) + 'x'.repeat(rest % 2) };
}

const tags = (count: number) => Array.from({ length: count }, (_, index) => `t${index}`);

interface Row {
  title: string;
  /** the fields of the body; a string is JSON that `JSON.stringify` would not write */
  fields: object | string;
  /** the paths in `errors` */
  paths: string[];
}

const rejected: Row[] = [
  { title: 'a blank name', fields: { name: ' \t\u3000' }, paths: ['/name'] },
  { title: 'an empty name', fields: { name: '' }, paths: ['/name'] },
  { title: 'a numeric name', fields: { name: 1 }, paths: ['/name'] },
  { title: 'a name that is null', fields: { name: null }, paths: ['/name'] },
  { title: 'a name that is true', fields: { name: true }, paths: ['/name'] },
  { title: 'a name in a list', fields: { name: ['Lab'] }, paths: ['/name'] },
  { title: 'a name of 201 characters', fields: { name: 'x'.repeat(201) }, paths: ['/name'] },
  { title: 'an empty slug', fields: { slug: '' }, paths: ['/slug'] },
  { title: 'a slug with capitals', fields: { slug: 'MyProj' }, paths: ['/slug'] },
  { title: 'a slug of 65 characters', fields: { slug: 'x'.repeat(65) }, paths: ['/slug'] },
  { title: 'a slug that begins with a dot', fields: { slug: '.a' }, paths: ['/slug'] },
  { title: 'a slug with a slash', fields: { slug: 'a/b' }, paths: ['/slug'] },
  { title: 'a slug with an accent', fields: { slug: 'é' }, paths: ['/slug'] },
  { title: 'a slug with a line break', fields: { slug: 'a\n' }, paths: ['/slug'] },
  { title: 'a slug with white space', fields: { slug: ' a ' }, paths: ['/slug'] },
  { title: 'a numeric slug', fields: { slug: 1 }, paths: ['/slug'] },
  {
    title: 'a description of 5001 characters',
    fields: { description: 'x'.repeat(5001) },
    paths: ['/description'],
  },
  { title: 'a numeric description', fields: { description: 1 }, paths: ['/description'] },
  { title: 'tags as a string', fields: { tags: 'robotics' }, paths: ['/tags'] },
  { title: 'tags as an object', fields: { tags: { 0: 'robotics' } }, paths: ['/tags'] },
  { title: '51 tags', fields: { tags: tags(51) }, paths: ['/tags'] },
  { title: 'duplicate tags', fields: { tags: ['a', 'b', 'a'] }, paths: ['/tags'] },
  { title: 'a tag of 65 characters', fields: { tags: ['a', 'x'.repeat(65)] }, paths: ['/tags/1'] },
  { title: 'an empty tag', fields: { tags: ['a', 'b', ''] }, paths: ['/tags/2'] },
  { title: 'a numeric tag', fields: { tags: [1] }, paths: ['/tags/0'] },
  { title: 'a tag that is null', fields: { tags: [null] }, paths: ['/tags/0'] },
  { title: 'metadata as an array', fields: { metadata: [] }, paths: ['/metadata'] },
  { title: 'metadata as a string', fields: { metadata: '{}' }, paths: ['/metadata'] },
  { title: 'numeric metadata', fields: { metadata: 1 }, paths: ['/metadata'] },
  { title: 'metadata of 17 levels', fields: { metadata: levels(17) }, paths: ['/metadata'] },
  {
    title: 'metadata of 17 levels, arrays counted',
    fields: `{"metadata":{"a":${'['.repeat(16)}${']'.repeat(16)}}}`,
    paths: ['/metadata'],
  },
  {
    title: 'metadata of 16 000 levels',
    fields: `{"metadata":{"a":${'['.repeat(16_000)}${']'.repeat(16_000)}}}`,
    paths: ['/metadata'],
  },
  {
    title: 'metadata of 17 KiB',
    fields: { metadata: metadataOf(17 * 1024) },
    paths: ['/metadata'],
  },
  {
    title: 'metadata a byte over 16 KiB',
    fields: { metadata: metadataOf(16 * 1024 + 1) },
    paths: ['/metadata'],
  },
  { title: 'infinite metadata', fields: '{"metadata":{"n":1e400}}', paths: ['/metadata/n'] },
  { title: 'minus infinity', fields: '{"metadata":{"n":[-1e400]}}', paths: ['/metadata/n/0'] },
  { title: 'an unknown field', fields: { colour: 'red' }, paths: ['/colour'] },
  { title: 'a field in capitals', fields: { Slug: 'a' }, paths: ['/Slug'] },
  { title: 'fields of the response', fields: { id: '1', version: 1 }, paths: ['/id', '/version'] },
  { title: 'a field to escape in a pointer', fields: { 'a/b~c': 1 }, paths: ['/a~1b~0c'] },
  {
    title: 'several wrong fields, all named',
    fields: { slug: 'A', description: 1, tags: ['', ''] },
    paths: ['/slug', '/description', '/tags/0', '/tags/1', '/tags'],
  },
  ...Object.entries({
    'U+0000': '\0',
    'a lone high surrogate': '\uD800',
    'a lone low surrogate': '\uDC00x',
  })
    .map(([title, text]): Row[] => [
      { title: `${title} in the name`, fields: { name: `a${text}` }, paths: ['/name'] },
      { title: `${title} in the slug`, fields: { slug: `a${text}` }, paths: ['/slug'] },
      {
        title: `${title} in the description`,
        fields: { description: `a${text}` },
        paths: ['/description'],
      },
      { title: `${title} in a tag`, fields: { tags: ['b', `a${text}`] }, paths: ['/tags/1'] },
      {
        title: `${title} in a value of metadata`,
        fields: { metadata: { a: [{ b: `a${text}` }] } },
        paths: ['/metadata'],
      },
      {
        title: `${title} in a key of metadata`,
        fields: { metadata: { a: [{ [`a${text}`]: 1 }] } },
        paths: ['/metadata'],
      },
    ])
    .flat(),
];

const accepted: [title: string, fields: object][] = [
  ['a name of 200 characters', { name: 'x'.repeat(200) }],
  ['a name of 200 characters within white space', { name: `  ${'x'.repeat(200)}\t\n` }],
  ['a name of 200 emoji, each one character', { name: '🤖'.repeat(200) }],
  ['a slug of 64 characters', { slug: 'x'.repeat(64) }],
  ['a description of 5000 characters', { description: 'x'.repeat(5000) }],
  ['50 tags', { tags: tags(50) }],
  ['a tag of 64 characters', { tags: ['x'.repeat(64), '🤖'.repeat(64)] }],
  ['tags that differ in case', { tags: ['a', 'A'] }],
  ['metadata of 16 levels', { metadata: levels(16) }],
  ['metadata of exactly 16 KiB', { metadata: metadataOf(16 * 1024) }],
];

function bodyOf(base: object, fields: object | string): string {
  if (typeof fields !== 'string') return JSON.stringify({ ...base, ...fields });
  const begin = JSON.stringify(base).slice(0, -1);
  return (begin === '{' ? begin : `${begin},`) + fields.slice(1);
}

test('a create rejects invalid fields', async (t) => {
  const { spaces, projects, list } = await makeNamespace();
  const rows: Row[] = [
    ...rejected,
    { title: 'no name', fields: { name: undefined, slug: 'a' }, paths: ['/name'] },
    { title: 'no fields', fields: { name: undefined }, paths: ['/name'] },
  ];
  for (const { title, fields, paths } of rows) {
    for (const path of [spaces, projects]) {
      assertProblem(
        t,
        await owner.post(path, bodyOf({ name: 'Lab' }, fields)),
        INVALID,
        title,
        paths,
      );
    }
  }
  t.equal((await list()).total, 0, 'nothing was created');
});

test('an update rejects invalid fields, under both media types', async (t) => {
  const { spaces, projects, create } = await makeNamespace();
  await create({ name: 'Lab', tags: ['a'], metadata: { a: 1 } });
  const before = await owner.get(`${spaces}/lab`);
  const rows: Row[] = [
    ...rejected,
    { title: 'a slug that is null', fields: { slug: null }, paths: ['/slug'] },
  ];
  for (const { title, fields, paths } of rows) {
    const body = bodyOf({}, fields);
    assertProblem(t, await owner.patch(`${spaces}/lab`, body), INVALID, title, paths);
    assertProblem(
      t,
      await owner.mergePatch(`${projects}/lab`, body),
      INVALID,
      `${title}, merge patch`,
      paths,
    );
  }
  t.equal((await owner.get(`${spaces}/lab`)).text, before.text, 'nothing was changed');
});

test('values at the limits are accepted by create and update', async (t) => {
  for (const [title, fields] of accepted) {
    const { spaces } = await makeNamespace();
    const created = await owner.post(spaces, { name: 'Lab', ...fields });
    t.equal(created.status, 201, `${title}, created: ${created.text.slice(0, 300)}`);
    const { slug } = read(created, Space);
    const updated = await owner.patch(`${spaces}/${slug}`, fields);
    t.equal(updated.status, 200, `${title}, updated: ${updated.text.slice(0, 300)}`);
    t.equal(updated.text, created.text, title);
  }
});

test('a body that is not an object is rejected as a whole', async (t) => {
  const { spaces, create } = await makeNamespace();
  await create({ name: 'Lab' });
  for (const body of ['null', '[]', '[{"name":"x"}]', '"x"', '1', 'true', '']) {
    assertProblem(t, await owner.post(spaces, body), INVALID, `POST ${body}`, ['']);
    assertProblem(t, await owner.patch(`${spaces}/lab`, body), INVALID, `PATCH ${body}`, ['']);
  }
  assertProblem(t, await owner.post(spaces), INVALID, 'no body at all', ['']);
});

test('a body with many invalid fields gets a short response', async (t) => {
  const { spaces } = await makeNamespace();
  const unknown = Object.fromEntries(tags(5000).map((key) => [key, 0]));
  const answer = await owner.post(spaces, { name: 'x', ...unknown });
  isProblem(t, answer, 'validation_failed');
  t.ok(answer.text.length < 4096, `${answer.text.length} bytes`);
  const long = await owner.post(spaces, { name: 'x', ['k'.repeat(60_000)]: 1 });
  isProblem(t, long, 'validation_failed');
  t.ok(long.text.length < 4096, `${long.text.length} bytes`);
});
