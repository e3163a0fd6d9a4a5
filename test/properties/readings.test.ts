/** Values that JavaScript and PostgreSQL parse differently have one meaning in the API, and cause no error. */
import fc from 'fast-check';
import t, { test } from 'tap';
import { pick } from '../helpers/json.js';
import { list, slugsOf } from '../helpers/lists.js';
import { startSpaces } from '../helpers/spaces.js';
import { parameters } from './parameters.js';

const { service, owner, makeNamespace } = await startSpaces(t);

const digits = (value: number, length: number) => String(value).padStart(length, '0');

/** Times of RFC 3339: any year, offset and precision, in either case, leap seconds included. */
const time = fc
  .record({
    year: fc.oneof(
      fc.constantFrom(0, 1, 99, 1582, 1969, 1970, 2026, 9998, 9999),
      fc.integer({ min: 0, max: 9999 }),
    ),
    month: fc.integer({ min: 1, max: 12 }),
    day: fc.integer({ min: 1, max: 28 }),
    isLast: fc.boolean(),
    fraction: fc.oneof(
      fc.constant(''),
      fc.stringMatching(/^\d{1,9}$/),
      fc.constant('0'.repeat(40)),
    ),
    second: fc.constantFrom(0, 1, 59),
    offset: fc.constantFrom(
      'Z',
      'z',
      '+00:00',
      '-00:00',
      '+14:00',
      '-12:00',
      '+23:59',
      '-23:59',
      '+05:30',
    ),
    separator: fc.constantFrom('T', 't'),
  })
  .map(({ year, month, day, isLast, fraction, second, offset, separator }) => {
    const date = isLast
      ? `${digits(year, 4)}-12-31`
      : `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`;
    const clock = isLast ? '23:59:59' : `00:00:${digits(second, 2)}`;
    return `${date}${separator}${clock}${fraction === '' ? '' : `.${fraction}`}${offset}`;
  });

test('a time is parsed as by PostgreSQL', async (t) => {
  const { spaces, create } = await makeNamespace();
  const stored = [
    '1970-01-01T00:00:00.000Z',
    '1970-01-01T00:00:00.001Z',
    '2026-01-01T00:00:00.000Z',
    '2026-06-15T12:30:45.123Z',
    '9999-12-31T23:59:59.998Z',
  ];
  for (const [index, at] of stored.entries()) {
    const { id } = await create({ name: `s${index}` });
    await service.db.$client`update spaces set updated_at = ${at} where id = ${id}`;
  }
  const expected = async (text: string): Promise<string[]> => {
    const [, local = '', sign = '+', offset = '00:00'] =
      /^(.*?)(?:z|([+-])(\d\d:\d\d))$/i.exec(text) ?? [];
    // PostgreSQL has no year 0000, which precedes all stored times, and no offset beyond 15:59.
    const readable = local.startsWith('0000') ? '0001-01-02T00:00:00' : local;
    const rows = await service.db.$client<{ slug: string }[]>`
      select slug from spaces
      where updated_at >= (${readable}::text::timestamp - ${sign + offset}::text::interval) at time zone 'UTC'
        and namespace_id = (select id from namespaces where slug = ${spaces.split('/')[2] ?? ''})
      order by id`;
    return rows.map(({ slug }) => slug);
  };
  const leap = fc.constantFrom(
    '1990-12-31T23:59:60Z',
    '1990-12-31T15:59:60-08:00',
    '9999-12-31T23:59:60Z',
  );
  const property = fc.asyncProperty(
    fc.oneof({ weight: 20, arbitrary: time }, { weight: 1, arbitrary: leap }),
    async (text) => {
      const found = slugsOf(await list(owner, spaces, { updatedAfter: text }));
      const wanted = await expected(text);
      if (JSON.stringify(found) !== JSON.stringify(wanted)) {
        throw new Error(
          `${text}: ${JSON.stringify(found)}, PostgreSQL finds ${JSON.stringify(wanted)}`,
        );
      }
    },
  );
  await fc.assert(property, { ...parameters(t, 400), endOnFailure: true });
});

/** Numbers in JSON. */
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.maxSafeInteger().map(String),
  fc.stringMatching(/^-?(0|[1-9]\d{0,25})(\.\d{1,25})?([eE][+-]?\d{1,3})?$/),
  fc.constantFrom(
    '9007199254740991',
    '9007199254740992',
    '9007199254740993',
    '-0',
    '0.0',
    '1e-400',
    '1e400',
    '5e-324',
    '1.7976931348623157e308',
    '0e999',
    '1.10',
    '100e-2',
  ),
);

test('a number is returned as it was sent and found by a filter, or is rejected', async (t) => {
  const { spaces } = await makeNamespace();
  let made = 0;
  const property = fc.asyncProperty(number, async (literal) => {
    const slug = `s${(made += 1)}`;
    const body = `{"name":"n","slug":"${slug}","metadata":{"n":${literal},"slug":"${slug}"}}`;
    const created = await owner.send({ method: 'POST', path: spaces, body });
    if (created.status === 400) {
      const value = Number(literal);
      const isExact =
        Number.isSafeInteger(value) || (value !== 0 && Math.abs(value) < Number.MAX_SAFE_INTEGER);
      const isStoredShort = Math.abs(Math.log10(Math.abs(value))) < 300;
      if (isExact && isStoredShort) throw new Error(`${literal} is rejected: ${created.text}`);
      return;
    }
    if (created.status !== 201) throw new Error(`${literal}: ${created.status}`);
    // The addition turns -0 into 0, because PostgreSQL stores no negative zero.
    const sent = Number(literal) + 0;
    for (const answer of [created, await owner.get(`${spaces}/${slug}`)]) {
      const read = pick(answer.json, 'metadata', 'n');
      if (read !== sent) throw new Error(`${literal} reads ${String(read)}`);
    }
    const metadata = `{"n":${literal},"slug":"${slug}"}`;
    const found = slugsOf(await list(owner, spaces, { metadata }));
    if (found.join() !== slug) throw new Error(`${literal} is not found: ${found.join()}`);
  });
  await fc.assert(property, { ...parameters(t, 300), endOnFailure: true });
});

test('q finds a part of a text, also with the special characters of patterns', async (t) => {
  const { spaces, create } = await makeNamespace();
  const unit = fc.oneof(
    fc.constantFrom(
      '%',
      '_',
      '\\',
      "'",
      '"',
      '*',
      '?',
      '(',
      '[',
      '^',
      '$',
      '.',
      '+',
      '&',
      '#',
      ';',
      'İ',
      'ß',
      'ẞ',
      'ﬁ',
      'Å',
      'é',
      'e\u0301',
      '机',
      '👩‍🔬',
      'می‌',
      'ñ',
    ),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }),
  );
  const isVisible = (text: string) =>
    /[\p{L}\p{N}\p{P}\p{S}]/u.test(text) &&
    !/[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u.test(text);
  let made = 0;
  const property = fc.asyncProperty(
    fc.array(unit, { minLength: 1, maxLength: 12 }).filter((units) => isVisible(units.join(''))),
    fc.nat(),
    fc.nat(),
    async (units, from, length) => {
      const slug = `s${(made += 1)}`;
      const { name } = await create({ name: units.join(''), slug });
      const points = Array.from(name);
      const begin = from % points.length;
      const part = points.slice(begin, begin + 1 + (length % (points.length - begin))).join('');
      // A part may begin with a combining mark, whose normal form differs without a letter before it.
      if (part.normalize('NFC') !== part || !name.includes(part)) return;
      const found = slugsOf(await list(owner, spaces, { q: part, slug }));
      if (found.join() !== slug)
        throw new Error(`${JSON.stringify(part)} of ${JSON.stringify(name)}`);
    },
  );
  await fc.assert(property, { ...parameters(t, 300), endOnFailure: true });
});

test('a page is an integer within its limits, and every other value is rejected', async (t) => {
  const { spaces, create } = await makeNamespace();
  await create({ name: 'One' });
  const text = fc.oneof(
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }).map(String),
    fc.constantFrom(
      '0',
      '-0',
      '1',
      '+1',
      '01',
      '1.0',
      '1e1',
      '0x1',
      '2147483647',
      '2147483648',
      '',
      ' ',
      '٣',
      'NaN',
    ),
    fc.string({ maxLength: 5 }),
  );
  const property = fc.asyncProperty(
    fc.constantFrom('page', 'pageSize'),
    text,
    async (name, value) => {
      const answer = await owner.get(`${spaces}?${name}=${encodeURIComponent(value)}`);
      const isGood = /^[1-9]\d*$/.test(value) && Number(value) < 2 ** 31;
      if (isGood ? answer.status !== 200 : answer.status === 200 && !/^0+[1-9]\d*$/.test(value)) {
        throw new Error(`${name}=${value}: ${answer.status}`);
      }
      if (answer.status >= 500) throw new Error(`${name}=${value}: ${answer.status}`);
    },
  );
  await fc.assert(property, { ...parameters(t, 300), endOnFailure: true });
});

test('a modified cursor is rejected', async (t) => {
  const { spaces, create } = await makeNamespace();
  for (const name of ['a', 'b', 'c']) await create({ name });
  const first = await owner.get(`${spaces}?pageSize=1&cursor=start`);
  const cursor = String(pick(first.json, 'nextCursor'));
  const property = fc.asyncProperty(
    fc.nat(cursor.length - 1),
    fc.string({ maxLength: 3 }),
    async (at, put) => {
      const changed = cursor.slice(0, at) + put + cursor.slice(at + 1);
      const { status } = await owner.get(
        `${spaces}?pageSize=1&cursor=${encodeURIComponent(changed)}`,
      );
      const isSame = Buffer.from(changed, 'base64url').equals(Buffer.from(cursor, 'base64url'));
      const begins = changed === '';
      if (status !== (isSame || begins ? 200 : 400)) throw new Error(`${changed}: ${status}`);
    },
  );
  await fc.assert(property, { ...parameters(t, 300), endOnFailure: true });
});
