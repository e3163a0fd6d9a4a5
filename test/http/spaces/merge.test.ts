import { isDeepStrictEqual } from 'node:util';
import t, { test } from 'tap';
import {
  assertProblem,
  INVALID,
  read,
  Space,
  SpaceDetails,
  startSpaces,
} from '../../helpers/spaces.js';

const { owner, makeNamespace } = await startSpaces(t);

type Metadata = Record<string, unknown>;

const METADATA_BYTES = 16 * 1024;

test('application/json replaces metadata as a whole', async (t) => {
  const { spaces, create } = await makeNamespace();
  await create({ name: 'Lab', metadata: { team: 'lab-a', size: { desks: 4 } } });
  for (const metadata of [{ size: { chairs: 9 } }, { team: null }, {}, null]) {
    const answer = await owner.patch(`${spaces}/lab`, { metadata });
    t.ok(isDeepStrictEqual(read(answer, Space).metadata, metadata), answer.text);
  }
});

test('application/merge-patch+json merges metadata by RFC 7396', async (t) => {
  const { spaces, create, details } = await makeNamespace();
  const rows: [stored: Metadata | null, patch: Metadata | null, merged: Metadata | null][] = [
    // RFC 7396, Appendix A: the examples with two objects
    [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
    [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
    [{ a: 'b' }, { a: null }, {}],
    [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
    [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
    [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
    [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
    [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
    [{ a: 'foo' }, null, null],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
    // RFC 7396, section 3
    [
      { title: 'Goodbye!', author: { givenName: 'John', familyName: 'Doe' }, tags: ['example'] },
      { title: 'Hello!', phone: '+01', author: { familyName: null }, tags: ['sample'] },
      { title: 'Hello!', author: { givenName: 'John' }, tags: ['sample'], phone: '+01' },
    ],
    // Other cases
    [null, { a: 1 }, { a: 1 }],
    [null, {}, {}],
    [null, { a: null }, {}],
    [{ a: 1 }, {}, { a: 1 }],
    [{ a: [1] }, { a: { b: 1 } }, { a: { b: 1 } }],
    [{ a: 1 }, { b: [null, { c: null }] }, { a: 1, b: [null, { c: null }] }],
    [
      { a: { b: { c: { d: 1, e: 2 } } } },
      { a: { b: { c: { e: 3 } } } },
      { a: { b: { c: { d: 1, e: 3 } } } },
    ],
    [
      {},
      { toString: { valueOf: 1 }, constructor: { name: 'x' } },
      { toString: { valueOf: 1 }, constructor: { name: 'x' } },
    ],
  ];
  for (const [index, [stored, patch, merged]] of rows.entries()) {
    const title = `${JSON.stringify(stored)} and ${JSON.stringify(patch)}`;
    const slug = `m${index}`;
    await create({ name: 'Merged', slug, metadata: stored });
    const answer = await owner.mergePatch(`${spaces}/${slug}`, { metadata: patch });
    t.equal(answer.status, 200, title);
    t.ok(isDeepStrictEqual(read(answer, Space).metadata, merged), `${title}: ${answer.text}`);
    t.ok(isDeepStrictEqual((await details(slug)).metadata, merged), `${title}, stored`);
  }
});

test('the media type of a merge patch is case-insensitive and may have parameters', async (t) => {
  const { spaces, create } = await makeNamespace();
  await create({ name: 'Lab', metadata: { a: 1 } });
  const types = ['Application/Merge-Patch+JSON', 'application/merge-patch+json; charset=utf-8'];
  for (const [index, type] of types.entries()) {
    const answer = await owner.send({
      method: 'PATCH',
      path: `${spaces}/lab`,
      body: { metadata: { [`t${index}`]: true } },
      headers: { 'content-type': type },
    });
    t.equal(answer.status, 200, type);
  }
  const { metadata } = read(await owner.get(`${spaces}/lab`), SpaceDetails);
  t.same(metadata, { a: 1, t0: true, t1: true });
});

test('a merge patch changes the other fields in the same write', async (t) => {
  const { spaces, create, details } = await makeNamespace();
  await create({ name: 'Lab', metadata: { a: 1 }, tags: ['x'], description: 'old' });
  const body = { name: 'New', slug: 'new', description: null, tags: ['y'], metadata: { b: 2 } };
  await owner.mergePatch(`${spaces}/lab`, body);
  t.match(await details('new'), { ...body, metadata: { a: 1, b: 2 }, version: 2 });
});

// Only the size can exceed its limit: a merge is no deeper than the deeper of its two objects.
test('a merge that exceeds 16 KiB of metadata is 400 and changes nothing', async (t) => {
  const { projects, create } = await makeNamespace();
  // {"a":"…","b":"…"} is 15 bytes without the letters.
  const room = METADATA_BYTES - 15 - 8_000;
  await create({ name: 'Lab', metadata: { a: 'x'.repeat(8_000) } });
  const before = await owner.get(`${projects}/lab`);

  const patch = { name: 'New', metadata: { b: 'y'.repeat(room + 1) } };
  assertProblem(t, await owner.mergePatch(`${projects}/lab`, patch), INVALID, '16 KiB and a byte', [
    '/metadata',
  ]);
  t.equal((await owner.get(`${projects}/lab`)).text, before.text);

  const fits = await owner.mergePatch(`${projects}/lab`, { metadata: { b: 'y'.repeat(room) } });
  t.equal(fits.status, 200, 'exactly 16 KiB');
  const smaller = { metadata: { a: null, b: null, c: 'z'.repeat(16_000) } };
  t.equal(
    (await owner.mergePatch(`${projects}/lab`, smaller)).status,
    200,
    'removed members do not count',
  );
});
