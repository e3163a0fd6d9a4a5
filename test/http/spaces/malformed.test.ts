import { Readable } from 'node:stream';
import t, { test } from 'tap';
import {
  assertProblem,
  type ExpectedProblem,
  INVALID,
  NO_NAMESPACE,
  NO_SPACE,
  startSpaces,
} from '../../helpers/spaces.js';

const { owner, makeNamespace } = await startSpaces(t);

const MALFORMED: ExpectedProblem = [400, 'malformed_body'];
const TOO_LARGE: ExpectedProblem = [413, 'body_too_large'];
const UNSUPPORTED: ExpectedProblem = [415, 'unsupported_media_type'];
const BODY_LIMIT = 64 * 1024;

/** Makes a namespace with the space `lab`, and returns it with the requests that have a body. */
async function makeLab() {
  const namespace = await makeNamespace();
  await namespace.create({ name: 'Lab' });
  const post = { method: 'POST', path: namespace.spaces } as const;
  const patch = { method: 'PATCH', path: `${namespace.projects}/lab` } as const;
  return { ...namespace, post, patch };
}

const json = { 'content-type': 'application/json' };
const mergePatch = { 'content-type': 'application/merge-patch+json' };

test('a body that is not JSON in UTF-8, or sets a prototype, is 400', async (t) => {
  const { post, patch, list } = await makeLab();
  const rows: [title: string, body: string | Buffer][] = [
    ['cut short', '{"name":"x"'],
    ['an open string', '{"name":"x'],
    ['a missing value', '{"name":}'],
    ['a trailing comma', '{"name":"x",}'],
    ['a second closing brace', '{"name":"x"}}'],
    ['single quotes', `{'name':'x'}`],
    ['a comment', '{"name":"x"/* y */}'],
    ['NaN', '{"metadata":{"n":NaN}}'],
    ['a raw control character', '{"name":"\u0001"}'],
    ['a form', 'name=x'],
    ['only white space', '  '],
    ['a byte that is not UTF-8', Buffer.from('{"name":"\xff"}', 'latin1')],
    ['an overlong U+0000', Buffer.from('{"name":"\xc0\x80"}', 'latin1')],
    ['a surrogate in UTF-8', Buffer.from('{"name":"\xed\xa0\x80"}', 'latin1')],
    ['UTF-16', Buffer.from('{"name":"x"}', 'utf16le')],
    ['__proto__', '{"name":"x","__proto__":{"admin":true}}'],
    ['__proto__ in metadata', '{"name":"x","metadata":{"a":[{"__proto__":null}]}}'],
    ['__proto__, escaped', '{"name":"x","metadata":{"\\u005f_proto_\\u005f":{}}}'],
    ['constructor.prototype', '{"name":"x","constructor":{"prototype":{}}}'],
    ['constructor.prototype in metadata', '{"metadata":{"constructor":{"prototype":{}}}}'],
  ];
  for (const [title, body] of rows) {
    assertProblem(t, await owner.send({ ...post, body, headers: json }), MALFORMED, title);
    assertProblem(t, await owner.send({ ...patch, body, headers: json }), MALFORMED, title);
    assertProblem(t, await owner.send({ ...patch, body, headers: mergePatch }), MALFORMED, title);
  }
  t.equal((await list()).total, 1);
});

test('a content type that is not JSON is 415', async (t) => {
  const { post, patch } = await makeLab();
  const types = [
    '',
    'text/plain',
    'text/json',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/xml',
    'application/octet-stream',
    'application/json-patch+json',
    'application/jsonx',
    'application',
    'json',
  ];
  for (const type of types) {
    for (const request of [post, patch]) {
      const answer = await owner.send({
        ...request,
        body: '{"name":"x"}',
        headers: { 'content-type': type },
      });
      assertProblem(t, answer, UNSUPPORTED, `${request.method} "${type}"`);
    }
  }
  const answer = await owner.send({ ...post, body: '{"name":"x"}', headers: mergePatch });
  assertProblem(t, answer, UNSUPPORTED, 'a merge patch is for PATCH only');
});

test('the content type is case-insensitive and may have parameters', async (t) => {
  const { post } = await makeLab();
  const types = ['application/json; charset=utf-8', 'Application/JSON', 'application/json;v="1"'];
  for (const [index, type] of types.entries()) {
    const body = { name: `Type ${index}` };
    const answer = await owner.send({ ...post, body, headers: { 'content-type': type } });
    t.equal(answer.status, 201, type);
  }
});

test('a body over 64 KiB is 413, with or without Content-Length', async (t) => {
  const { post, patch, list } = await makeLab();
  const padded = (bytes: number) => '{"name":"Large"}'.padEnd(bytes);
  for (const request of [post, patch]) {
    for (const bytes of [BODY_LIMIT + 1, 65 * 1024, 1024 * 1024]) {
      const answer = await owner.send({ ...request, body: padded(bytes) });
      assertProblem(t, answer, TOO_LARGE, `${request.method} ${bytes} bytes`);
    }
  }
  const answer = await owner.send({ ...post, body: padded(BODY_LIMIT) });
  t.equal(answer.status, 201, 'exactly 64 KiB');
  t.equal((await list()).total, 2);

  const chunked = await owner.send({ ...post, body: Readable.from([padded(BODY_LIMIT), ' ']) });
  assertProblem(t, chunked, TOO_LARGE, 'chunked');
});

test('a page or page size that is not a positive integer is 400 and named', async (t) => {
  const { spaces, projects } = await makeNamespace();
  const values = [
    ...['0', '-0', '-1', '1.5', '1.0', 'abc', '', '1e309', '1e2', '99999999999999999999', '0x10'],
    ...['%201', '1%20', '%2B1', '1,2', '1_000', 'null', 'true', 'NaN', 'Infinity', '-Infinity'],
    ...['%00', '1%00', '%EF%BC%91', "1'", '9'.repeat(400)],
  ];
  for (const key of ['page', 'pageSize']) {
    const queries = [...values.map((value) => `${key}=${value}`), `${key}=1&${key}=1`, key];
    for (const query of queries) {
      for (const path of [spaces, projects]) {
        const answer = await owner.get(`${path}?${query}`);
        assertProblem(t, answer, INVALID, `?${query.slice(0, 40)}`, [`/${key}`]);
        t.match(answer.json, { instance: path }, path);
      }
    }
  }
  const both = await owner.get(`${spaces}?page=0&pageSize=x`);
  assertProblem(t, both, INVALID, 'both parameters', ['/page', '/pageSize']);
});

test('an unknown query parameter of a list is 400 and named', async (t) => {
  const { spaces } = await makeNamespace();
  for (const key of [
    'limit',
    'Page',
    'pagesize',
    'page[]',
    '__proto__',
    'constructor',
    'toString',
  ]) {
    const answer = await owner.get(`${spaces}?page=1&${key}=1`);
    assertProblem(t, answer, INVALID, key, [`/${key}`]);
  }
});

const impossible = {
  'capital letters': 'Lab',
  'a hyphen first': '-lab',
  'a dot first': '.lab',
  '65 characters': 'x'.repeat(65),
  '300 characters': 'x'.repeat(300),
  '10 000 characters': 'x'.repeat(10_000),
  'U+0000': '%00',
  'U+0000 inside': 'lab%00',
  'an emoji': '%F0%9F%A4%96',
  'a noncharacter': '%EF%BF%BF',
  'a path upwards': '..%2f',
  'a path to elsewhere': '..%2f..%2fdemo%2fspaces%2flab',
  'a line break': 'lab%0A',
  'white space': '%20',
  'a percent sign': '%25',
  quotes: `'%22%60`,
  'a placeholder': '$1',
};

test('an invalid slug in a path is 404, in every operation', async (t) => {
  const { path, create } = await makeNamespace();
  await create({ name: 'Lab' });
  for (const [title, slug] of Object.entries(impossible)) {
    for (const noun of ['spaces', 'projects']) {
      const space = `${path}/${noun}/${slug}`;
      assertProblem(t, await owner.get(space), NO_SPACE, `get, ${title}`);
      assertProblem(t, await owner.patch(space, {}), NO_SPACE, `empty update, ${title}`);
      assertProblem(t, await owner.patch(space, { name: 'x' }), NO_SPACE, `update, ${title}`);
      const merge = await owner.mergePatch(space, { metadata: { a: 1 } });
      assertProblem(t, merge, NO_SPACE, `merge, ${title}`);
      assertProblem(t, await owner.delete(space), NO_SPACE, `delete, ${title}`);
      assertProblem(t, await owner.post(`${space}/restore`), NO_SPACE, `restore, ${title}`);

      const collection = `/namespaces/${slug}/${noun}`;
      assertProblem(t, await owner.get(collection), NO_NAMESPACE, `list, ${title}`);
      assertProblem(
        t,
        await owner.post(collection, { name: 'x' }),
        NO_NAMESPACE,
        `create, ${title}`,
      );
      assertProblem(t, await owner.get(`${collection}/lab`), NO_NAMESPACE, `get in ${title}`);
    }
  }
});

test('a path with invalid percent-encoding is 400', async (t) => {
  const { spaces } = await makeNamespace();
  const rows = ['%', '%z', '%zz', '%E0%A4%A', '%FF', '%C0%80', '%ED%A0%80', 'a%'];
  for (const slug of rows) {
    for (const path of [`${spaces}/${slug}`, `/namespaces/${slug}/projects`]) {
      const answer = await owner.get(path);
      assertProblem(t, answer, [400, 'malformed_request'], path);
      t.match(answer.json, { instance: path }, path);
    }
  }
});
