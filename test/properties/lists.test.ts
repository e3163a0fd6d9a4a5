import fc from 'fast-check';
import t, { test } from 'tap';
import { list, type Query, search, slugsOf, walk } from '../helpers/lists.js';
import { startSpaces } from '../helpers/spaces.js';
import { parameters } from './parameters.js';

const { owner, makeNamespace } = await startSpaces(t);

interface Made {
  name: string;
  slug: string;
  description: string | null;
  tags: string[];
  metadata: Record<string, unknown> | null;
  isDeleted: boolean;
}

interface Asked {
  q?: string;
  tag?: string[];
  slug?: string[];
  metadata?: string;
  state?: string;
  sort?: string;
}

const word = fc.constantFrom('Arm', 'arm', 'Drone', 'rover', 'Ärger', '%', 'a_b', '机器人');
const tag = fc.constantFrom('x', 'y', 'z');
const anything = fc.record({
  name: fc.tuple(word, word).map((words) => words.join(' ')),
  description: fc.option(word),
  tags: fc.uniqueArray(tag),
  metadata: fc.option(fc.record({ team: fc.constantFrom('a', 'b'), n: fc.nat(2) })),
});

const includes = (text: string, part: string) => text.toLowerCase().includes(part.toLowerCase());

const compareBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

/** Filters by metadata, as JSON. */
const contained: Record<string, Record<string, unknown>> = {
  '{}': {},
  '{"n":1}': { n: 1 },
  '{"team":"a"}': { team: 'a' },
  '{"team":"b","n":0}': { team: 'b', n: 0 },
};

const keys: Record<string, (one: Made) => string> = {
  name: ({ name }) => name.toLowerCase(),
  slug: ({ slug }) => slug,
};

/** The slugs of the matching spaces, in the requested order. */
function expectedOf(made: Made[], asked: Asked): string[] {
  const { q, tag, slug, metadata, state = 'active', sort = 'createdAt' } = asked;
  const members = Object.entries(contained[metadata ?? '{}'] ?? {});
  const fits = made.filter(
    (one) =>
      (state === 'all' || one.isDeleted === (state === 'deleted')) &&
      (q === undefined ||
        [one.name, one.slug, one.description ?? ''].some((text) => includes(text, q))) &&
      (tag ?? []).every((needed) => one.tags.includes(needed)) &&
      (slug === undefined || slug.includes(one.slug)) &&
      (metadata === undefined || one.metadata !== null) &&
      members.every(([name, value]) => one.metadata?.[name] === value),
  );
  const key = keys[sort.replace('-', '')];
  const slugs = (key ? fits.sort((a, b) => compareBytes(key(a), key(b))) : fits).map(
    (one) => one.slug,
  );
  return sort.startsWith('-') ? slugs.reverse() : slugs;
}

test('every list equals a filter over all spaces', async (t) => {
  const { spaces, create } = await makeNamespace();
  const made: Made[] = [];
  for (const [index, body] of fc.sample(anything, { numRuns: 40, seed: 7 }).entries()) {
    const slug = `${['m', 'c', 'x'][index % 3] ?? ''}${index}`;
    const isDeleted = index % 5 === 0;
    await create({ ...body, slug });
    if (isDeleted) await owner.delete(`${spaces}/${slug}`);
    made.push({ ...body, slug, isDeleted });
  }
  const query = fc.record(
    {
      q: word,
      tag: fc.uniqueArray(tag, { minLength: 1 }),
      slug: fc.uniqueArray(fc.constantFrom(...made.map(({ slug }) => slug)), { minLength: 1 }),
      metadata: fc.constantFrom(...Object.keys(contained)),
      state: fc.constantFrom('active', 'deleted', 'all'),
      sort: fc.constantFrom('createdAt', '-createdAt', 'name', '-name', 'slug', '-slug'),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(query, fc.integer({ min: 1, max: 20 }), async (asked, pageSize) => {
      const expected = expectedOf(made, asked);
      const sent: Query = { ...asked, pageSize: String(pageSize) };
      const parts = await walk(owner, spaces, sent);
      t.same(parts.flatMap(slugsOf), expected, search(sent));
      t.equal(parts[0]?.total, expected.length);
      const pages = Math.max(Math.ceil(expected.length / pageSize), 1);
      t.equal(parts.length, pages, 'no part more than it takes');

      const last = await list(owner, spaces, { ...sent, page: String(pages) });
      t.same(slugsOf(last), expected.slice((pages - 1) * pageSize), 'and page by page');
      t.equal(last.total, expected.length);
    }),
    parameters(t, 60),
  );
});
