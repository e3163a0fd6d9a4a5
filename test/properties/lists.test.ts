import fc from 'fast-check';
import t, { test } from 'tap';
import { list, type Query, readAll, search, slugsOf } from '../helpers/lists.js';
import { startSpaces } from '../helpers/spaces.js';
import { parameters } from './parameters.js';

const { owner, makeNamespace } = await startSpaces(t);

interface Stored {
  name: string;
  slug: string;
  description: string | null;
  tags: string[];
  metadata: Record<string, unknown> | null;
  isDeleted: boolean;
}

interface ListQuery {
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

const keys: Record<string, (one: Stored) => string> = {
  name: ({ name }) => name.toLowerCase(),
  slug: ({ slug }) => slug,
};

/** @returns the slugs of the matching spaces, in the requested order */
function expectedOf(stored: Stored[], query: ListQuery): string[] {
  const { q, tag, slug, metadata, state = 'active', sort = 'createdAt' } = query;
  const members = Object.entries(contained[metadata ?? '{}'] ?? {});
  const matches = stored.filter(
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
  const slugs = (key ? matches.sort((a, b) => compareBytes(key(a), key(b))) : matches).map(
    (one) => one.slug,
  );
  return sort.startsWith('-') ? slugs.reverse() : slugs;
}

test('every list equals a filter over all spaces', async (t) => {
  const { spaces, create } = await makeNamespace();
  const stored: Stored[] = [];
  for (const [index, body] of fc.sample(anything, { numRuns: 40, seed: 7 }).entries()) {
    const slug = `${['m', 'c', 'x'][index % 3] ?? ''}${index}`;
    const isDeleted = index % 5 === 0;
    await create({ ...body, slug });
    if (isDeleted) await owner.delete(`${spaces}/${slug}`);
    stored.push({ ...body, slug, isDeleted });
  }
  const query = fc.record(
    {
      q: word,
      tag: fc.uniqueArray(tag, { minLength: 1 }),
      slug: fc.uniqueArray(fc.constantFrom(...stored.map(({ slug }) => slug)), { minLength: 1 }),
      metadata: fc.constantFrom(...Object.keys(contained)),
      state: fc.constantFrom('active', 'deleted', 'all'),
      sort: fc.constantFrom('createdAt', '-createdAt', 'name', '-name', 'slug', '-slug'),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(query, fc.integer({ min: 1, max: 20 }), async (asked, pageSize) => {
      const expected = expectedOf(stored, asked);
      const sent: Query = { ...asked, pageSize: String(pageSize) };
      const byCursor = await readAll(owner, spaces, sent);
      t.same(byCursor.flatMap(slugsOf), expected, search(sent));
      t.equal(byCursor[0]?.total, expected.length);
      const pages = Math.max(Math.ceil(expected.length / pageSize), 1);
      t.equal(byCursor.length, pages, 'no page more than necessary');

      const last = await list(owner, spaces, { ...sent, page: String(pages) });
      t.same(slugsOf(last), expected.slice((pages - 1) * pageSize), 'the last numbered page');
      t.equal(last.total, expected.length);
    }),
    parameters(t, 60),
  );
});
