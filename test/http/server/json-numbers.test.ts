/** A number in metadata reads back as it was sent, or is rejected. */
import { test } from 'tap';
import type { Client } from '../../helpers/app.js';
import { pick } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';
import { startTeam } from '../../helpers/team.js';

const json = { 'content-type': 'application/json' };
const merge = { 'content-type': 'application/merge-patch+json' };

/** Every operation that accepts metadata, here as JSON text; `path` is where a violation names it. */
const writers: Record<
  string,
  { send: (client: Client, metadata: string) => ReturnType<Client['get']>; path: string }
> = {
  createNamespace: {
    send: (client, metadata) =>
      client.send({
        method: 'POST',
        path: '/namespaces',
        body: `{"slug":"other","metadata":${metadata}}`,
        headers: json,
      }),
    path: '/metadata',
  },
  updateNamespace: {
    send: (client, metadata) =>
      client.send({
        method: 'PATCH',
        path: '/namespaces/team',
        body: `{"metadata":${metadata}}`,
        headers: json,
      }),
    path: '/metadata',
  },
  createSpace: {
    send: (client, metadata) =>
      client.send({
        method: 'POST',
        path: '/namespaces/team/spaces',
        body: `{"name":"A","slug":"created","metadata":${metadata}}`,
        headers: json,
      }),
    path: '/metadata',
  },
  createSpaces: {
    send: (client, metadata) =>
      client.send({
        method: 'POST',
        path: '/namespaces/team/spaces/batch',
        body: `{"spaces":[{"name":"B"},{"name":"C","metadata":${metadata}}]}`,
        headers: json,
      }),
    path: '/spaces/1/metadata',
  },
  ensureSpace: {
    send: (client, metadata) =>
      client.send({
        method: 'PUT',
        path: '/namespaces/team/projects/ensured',
        body: `{"name":"A","metadata":${metadata}}`,
        headers: json,
      }),
    path: '/metadata',
  },
  updateSpace: {
    send: (client, metadata) =>
      client.send({
        method: 'PATCH',
        path: '/namespaces/team/projects/lab',
        body: `{"metadata":${metadata}}`,
        headers: json,
      }),
    path: '/metadata',
  },
  'updateSpace, merge patch': {
    send: (client, metadata) =>
      client.send({
        method: 'PATCH',
        path: '/namespaces/team/projects/lab',
        body: `{"metadata":${metadata}}`,
        headers: merge,
      }),
    path: '/metadata',
  },
  'the filter metadata': {
    send: (client, metadata) =>
      client.get(`/namespaces/team/spaces?metadata=${encodeURIComponent(metadata)}`),
    path: '/metadata',
  },
};

test('a number that would not read back exactly is 400 and named, in every operation that accepts metadata', async (t) => {
  const alice = await startTeam(t);
  const unsafe = [
    '9007199254740992',
    '9007199254740993',
    '-9007199254740993',
    '1764000000000000000',
    '1e16',
    '1e308',
    '1e400',
    '-1e400',
    '1e-400',
    '0.1e-400',
    '123456789012345678901234567890',
  ];
  for (const [title, { send, path }] of Object.entries(writers)) {
    for (const number of unsafe) {
      for (const [metadata, place] of [
        [`{"a/b":{"id":${number}}}`, '/a~1b/id'],
        [`{"text":"1e400, {\\"","list":[1,${number}]}`, '/list/1'],
      ] as const) {
        const answer = await send(alice, metadata);
        isProblem(t, answer, 'validation_failed', `${title}: ${metadata}`);
        t.match(answer.text, `"path": "${path}${place}"`, `${title}: ${metadata}: path`);
      }
    }
  }
  const { json: space } = await alice.get('/namespaces/team/projects/lab');
  t.equal(pick(space, 'version'), 1, 'nothing was written');
});

test('safe numbers are returned as they were sent', async (t) => {
  const alice = await startTeam(t);
  const numbers = [
    '9007199254740991',
    '-9007199254740991',
    '0',
    '-0.5',
    '0.1',
    '1.5e3',
    '0.30000000000000004',
    '1e-7',
    '2.5e-10',
    '0e999',
    '0.0',
  ];
  const body = `{"metadata":{"numbers":[${numbers.join(',')}],"text":"9007199254740993"}}`;
  const written = await alice.send({
    method: 'PATCH',
    path: '/namespaces/team/projects/lab',
    body,
    headers: json,
  });
  t.equal(written.status, 200, written.text);
  t.strictSame(pick(pick(written.json, 'metadata'), 'numbers'), numbers.map(Number));
});

test('metadata with too many digits or values is 400; the metadata filter has lower limits', async (t) => {
  const alice = await startTeam(t);
  const write = (metadata: object) => alice.patch('/namespaces/team/projects/lab', { metadata });
  isProblem(
    t,
    await write({ tiny: Array.from({ length: 900 }, () => 5e-324) }),
    'validation_failed',
    'digits',
  );
  isProblem(
    t,
    await write({ list: Array.from({ length: 1000 }, () => 1) }),
    'validation_failed',
    'values',
  );
  t.equal((await write({ list: Array.from({ length: 900 }, () => 1) })).status, 200);
  const filter = (value: object) =>
    alice.get(`/namespaces/team/spaces?metadata=${encodeURIComponent(JSON.stringify(value))}`);
  for (const value of [
    { a: [[1]] },
    { a: [{ b: 1 }] },
    { a: 'x'.repeat(1024) },
    { list: Array.from({ length: 50 }, () => 1) },
  ]) {
    isProblem(t, await filter(value), 'validation_failed', JSON.stringify(value).slice(0, 40));
  }
  t.equal((await filter({ a: { b: [1, 2, 'x'] } })).status, 200);
});
