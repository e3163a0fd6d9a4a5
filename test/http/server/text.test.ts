/** Texts, tags and times: what is equal, what is valid, and how many violations a response names. */
import { test } from 'tap';
import { pick, pickString } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';
import { startTeam } from '../../helpers/team.js';

test('texts in NFC and NFD are equal, also in searches', async (t) => {
  const alice = await startTeam(t);
  const name = 'Café 机器人';
  const created = await alice.post('/namespaces/team/spaces', {
    name: `  ${name.normalize('NFD')} `,
    tags: [' é'.normalize('NFD')],
    description: 'é'.normalize('NFD'),
  });
  t.equal(created.status, 201, created.text);
  t.equal(pick(created.json, 'name'), name.normalize('NFC'));
  t.strictSame(pick(created.json, 'tags'), ['é'.normalize('NFC')]);
  t.equal(pick(created.json, 'description'), 'é'.normalize('NFC'));
  isProblem(
    t,
    await alice.post('/namespaces/team/spaces', { name: name.normalize('NFC') }),
    'slug_conflict',
  );
  for (const form of ['NFC', 'NFD']) {
    for (const query of [
      `q=${encodeURIComponent('CAFÉ'.normalize(form))}`,
      `tag=${encodeURIComponent('é'.normalize(form))}`,
    ]) {
      t.equal(
        pick((await alice.get(`/namespaces/team/spaces?${query}`)).json, 'total'),
        1,
        `${form} ${query}`,
      );
    }
  }
});

test('names and tags need a visible character, and may hold no control or bidirectional character', async (t) => {
  const alice = await startTeam(t);
  const bad = [
    '\u200b',
    '\u00ad',
    '\u2060\u200d',
    '\u3164',
    '\u2800',
    '\ufeff',
    'a\u0007b',
    'a\u202eb',
    'a\u2066b',
    'a\u2028b',
    'a\nb',
    'a\u009fb',
    ' \u00a0 ',
  ];
  const good = ['👩‍🚀', '🏳️‍🌈', 'می‌خواهم', 'क्षि', '机器人', 'a b', '…', '1', 'é'.normalize('NFD')];
  for (const [index, text] of [...bad, ...good].entries()) {
    const status = index < bad.length ? 400 : 201;
    const title = encodeURIComponent(text);
    const requests = {
      space: alice.post('/namespaces/team/spaces', { name: text, slug: `s${index}` }),
      tag: alice.post('/namespaces/team/spaces', { name: 'A', slug: `t${index}`, tags: [text] }),
      namespace: alice.post('/namespaces', { slug: `n${index}`, name: text }),
    };
    for (const [what, request] of Object.entries(requests)) {
      t.equal((await request).status, status, `${what}: ${title}`);
    }
  }
});

test('tags that are equal after normalization are duplicates', async (t) => {
  const alice = await startTeam(t);
  for (const tags of [
    ['a', 'a'],
    [' a', 'a'],
    ['é'.normalize('NFC'), 'é'.normalize('NFD')],
    ['__proto__', '__proto__'],
  ]) {
    const answer = await alice.patch('/namespaces/team/projects/lab', { tags });
    isProblem(t, answer, 'validation_failed', JSON.stringify(tags));
    t.match(pickString(answer.json, 'detail'), 'duplicate');
  }
});

test('a large invalid body gets one violation, a small one all of them, at most twenty', async (t) => {
  const alice = await startTeam(t);
  const violations = async (body: unknown) => {
    const answer = await alice.post('/namespaces/team/spaces', body);
    isProblem(t, answer, 'validation_failed');
    const errors = pick(answer.json, 'errors');
    return Array.isArray(errors) ? errors.map((each: unknown) => pickString(each, 'path')) : [];
  };
  t.strictSame(
    await violations({ name: 'x', tags: Array(30_000).fill(1) }),
    ['/tags'],
    'a large body has one violation',
  );
  const unknown = Object.fromEntries(Array.from({ length: 3000 }, (_, n) => [`k${n}`, 1]));
  t.equal((await violations({ name: 'x', ...unknown })).length, 1);
  t.strictSame(await violations({ name: 1, slug: '!', tags: [1, 2] }), [
    '/name',
    '/slug',
    '/tags/0',
    '/tags/1',
  ]);
  t.equal((await violations({ name: 'x', tags: Array(50).fill(1) })).length, 20);
});

test('times at the limits of the calendar are accepted by every filter', async (t) => {
  const alice = await startTeam(t);
  const times: [string, number][] = [
    ['9999-12-31T23:59:59-01:00', 0],
    ['9999-12-31T23:59:59.999999Z', 0],
    ['9999-12-31T23:59:59+23:59', 0],
    ['0000-01-01T00:00:00Z', 1],
    ['0000-01-01T00:00:00+23:59', 1],
    ['0001-01-01T00:00:00-23:59', 1],
    ['1970-01-01T00:00:00.000000001Z', 1],
  ];
  for (const name of ['createdAfter', 'createdBefore', 'updatedAfter']) {
    for (const [time, after] of times) {
      const answer = await alice.get(`/namespaces/team/spaces?${name}=${encodeURIComponent(time)}`);
      t.equal(answer.status, 200, `${name}=${time}`);
      t.equal(
        pick(answer.json, 'total'),
        name === 'createdBefore' ? 1 - after : after,
        `${name}=${time}`,
      );
    }
  }
});
