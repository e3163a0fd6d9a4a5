import { isDeepStrictEqual } from 'node:util';
import t, { test } from 'tap';
import { canonical, read, Space, SpaceList, startSpaces } from '../../helpers/spaces.js';

const { owner, makeNamespace } = await startSpaces(t);

/** @returns the characters of a range, without U+0000 and surrogates, which PostgreSQL does not store */
function characters(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index)
    .filter((point) => point !== 0 && (point < 0xd800 || point > 0xdfff))
    .map((point) => String.fromCodePoint(point));
}

const hostile: Record<string, string> = {
  quotes: `"double" 'single' \`back\` "" '' \\" \\\\" \\`,
  'escapes as text': '\\u0000 \\n \\ud800 %00 &quot; $1 $$ {0} \\x00',
  'control characters': `[${characters(0x01, 0x1f).join('')}]`,
  'DEL and the C1 controls': characters(0x7f, 0x9f).join(''),
  'line and paragraph separators': 'a\u2028b\u2029c\u0085d',
  JSON: '{"id":"1","name":null},{"spaces":[]}',
  SQL: `'); drop table spaces; -- /* $1 */ ; select pg_sleep(9)`,
  HTML: '</script><script>alert(1)</script><!-- ]]>',
  'combining marks without a letter': '\u0301\u0300\u20DD',
  'composed and decomposed letters': '\u00E9 e\u0301 \u212B \u00C5',
  'right to left': '\u202Eabc\u202C \u200Fשלום \u2066x\u2069',
  'joined emoji': '\u{1F469}\u200D\u{1F680} \u{1F1E9}\u{1F1EA} ✌\u{1F3FD}',
  'byte order marks and noncharacters': 'a\uFEFF \uFFFE \uFFFF \u{1FFFF} \u{10FFFF}z',
  'the ends of every plane': Array.from({ length: 17 }, (_, plane) =>
    characters(plane * 0x10000, plane * 0x10000 + 1)
      .concat(characters(plane * 0x10000 + 0xfffe, plane * 0x10000 + 0xffff))
      .join(''),
  ).join('|'),
};

/** The characters that are valid in descriptions and metadata only: controls and overrides of direction. */
const NOT_IN_NAMES = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;

/** The brackets keep white space at the ends, which would be trimmed. */
const nameOf = (text: string) => `[${text.replace(NOT_IN_NAMES, '')}]`.normalize('NFC');

test('text in NFC, and metadata in any form, are returned unchanged by create, update, get and list', async (t) => {
  const { spaces, create, details, list } = await makeNamespace();
  for (const [index, [title, text]] of Object.entries(hostile).entries()) {
    const slug = `s${index}`;
    const sent = {
      name: nameOf(text),
      slug,
      description: text.normalize('NFC'),
      tags: ['t', Array.from(nameOf(text)).slice(0, 64).join('').trim()],
      metadata: { [text]: text, deep: [{ [text]: [text] }] },
    };
    const { id, ...created } = await create(sent);
    t.ok(isDeepStrictEqual(created, sent), `${title}, created`);

    const { name, description, tags, metadata } = await details(slug);
    t.ok(isDeepStrictEqual({ name, slug, description, tags, metadata }, sent), `${title}, got`);

    const item = (await list(`?pageSize=1&page=${index + 1}`)).spaces[0];
    t.equal(JSON.stringify(item), JSON.stringify({ id, name, slug, description, tags }), title);

    await owner.patch(`${spaces}/${slug}`, { ...sent, name: 'x', description: null, tags: null });
    const updated = read(await owner.patch(`${spaces}/${slug}`, sent), Space);
    t.ok(isDeepStrictEqual(updated, { id, ...sent }), `${title}, updated`);
  }
});

test('the list, which PostgreSQL renders, equals the items that the service serializes', async (t) => {
  const { spaces, create, details } = await makeNamespace();
  for (const [index, text] of Object.values(hostile).entries()) {
    await create({ name: nameOf(text), slug: `s${index}`, description: text, tags: ['a', 'b'] });
  }
  await create({ name: 'Bare' });

  const answer = await owner.get(spaces);
  const rows = await Promise.all(
    read(answer, SpaceList).spaces.map(async ({ slug }) => {
      const { id, name, description, tags } = await details(slug);
      return { id, name, slug, description, tags };
    }),
  );
  const total = Object.keys(hostile).length + 1;
  t.equal(
    canonical(answer),
    JSON.stringify({ spaces: rows, page: 1, pageSize: 50, total, totalPages: 1 }),
  );
});

test('every character of Unicode is stored and returned', async (t) => {
  const { create, list } = await makeNamespace();
  const all = characters(0x01, 0x10ffff);
  const texts = Array.from({ length: Math.ceil(all.length / 4000) }, (_, index) =>
    all
      .slice(index * 4000, (index + 1) * 4000)
      .join('')
      .normalize('NFC'),
  );
  const created: string[] = [];
  for (const [index, description] of texts.entries()) {
    const space = await create({ name: `Part ${index}`, description });
    created.push(space.description ?? '');
  }
  t.ok(isDeepStrictEqual(created, texts), 'in the response to create');

  const pages = [await list('?pageSize=200'), await list('?pageSize=200&page=2')];
  const listed = pages.flatMap(({ spaces }) => spaces.map(({ description }) => description));
  t.ok(isDeepStrictEqual(listed, texts), 'in the list');
});
