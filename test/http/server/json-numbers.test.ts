/** A number in metadata reads back as it was sent, or is rejected. */
import { test } from 'tap';
import type { Client, Send } from '../../helpers/app.js';
import { pick } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';
import { startTeam } from '../../helpers/team.js';

const json = { 'content-type': 'application/json' };
const merge = { 'content-type': 'application/merge-patch+json' };

interface Writer {
  send: (client: Client, metadata: string) => ReturnType<Client['get']>;
  /** the path by which a violation names the metadata */
  path: string;
}

/** @param body the body as JSON text, in which `METADATA` is replaced */
function writer(
  method: Send['method'],
  path: string,
  body: string,
  { at = '/metadata', headers = json }: { at?: string; headers?: Record<string, string> } = {},
): Writer {
  return {
    send: (client, metadata) =>
      client.send({ method, path, body: body.replace('METADATA', () => metadata), headers }),
    path: at,
  };
}

const spaces = '/namespaces/team/spaces';
const lab = '/namespaces/team/projects/lab';
const id = '01900000-0000-7000-8000-000000000000';
const asset = '"path":"/a","kind":"file","uri":"urn:a:b"';
const onlyMetadata = '{"metadata":METADATA}';

/** Every operation that accepts metadata. */
const writers: Record<string, Writer> = {
  createNamespace: writer('POST', '/namespaces', '{"slug":"other","metadata":METADATA}'),
  updateNamespace: writer('PATCH', '/namespaces/team', onlyMetadata),
  createSpace: writer('POST', spaces, '{"name":"A","slug":"created","metadata":METADATA}'),
  createSpaces: writer(
    'POST',
    `${spaces}/batch`,
    '{"spaces":[{"name":"B"},{"name":"C","metadata":METADATA}]}',
    { at: '/spaces/1/metadata' },
  ),
  ensureSpace: writer('PUT', `${spaces}/ensured`, '{"name":"A","metadata":METADATA}'),
  updateSpace: writer('PATCH', lab, onlyMetadata),
  'updateSpace, merge patch': writer('PATCH', lab, onlyMetadata, { headers: merge }),
  createFolder: writer('POST', `${lab}/folders`, '{"path":"/f","metadata":METADATA}'),
  updateFolder: writer('PATCH', `${lab}/folders/${id}`, onlyMetadata),
  upsertEpisode: writer('POST', `${lab}/episodes`, '{"name":"run","metadata":METADATA}'),
  updateEpisode: writer('PATCH', `${lab}/episodes/run`, onlyMetadata),
  createAsset: writer('POST', `${lab}/assets`, `{${asset},"metadata":METADATA}`),
  createAssets: writer(
    'POST',
    `${lab}/assets/batch`,
    `{"assets":[{${asset}},{${asset},"metadata":METADATA}]}`,
    { at: '/assets/1/metadata' },
  ),
  updateAsset: writer('PATCH', `${lab}/assets/${id}`, onlyMetadata),
  'the filter metadata': {
    send: (client, metadata) => client.get(`${spaces}?metadata=${encodeURIComponent(metadata)}`),
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
  const { json: space } = await alice.get(lab);
  t.match(
    space,
    { version: 1, contents: { folders: 0, episodes: 0, assets: 0 } },
    'nothing was written',
  );
});

test('only a number in metadata may be sent as a string instead; for another the bound is named', async (t) => {
  const alice = await startTeam(t);
  const asString = /cannot be stored exactly: send it as a string$/;
  const tooLarge = /is out of range: it must be at most 9007199254740991$/;
  const cases: [string, string, string, RegExp][] = [
    [`{${asset},"sizeBytes":9007199254740992}`, 'assets', '/sizeBytes', tooLarge],
    [`{${asset},"sizeBytes":1e400}`, 'assets', '/sizeBytes', tooLarge],
    [
      `{${asset},"sizeBytes":-9007199254740992}`,
      'assets',
      '/sizeBytes',
      /it must be at least -9007199254740991$/,
    ],
    [`{${asset},"sizeBytes":1e-400}`, 'assets', '/sizeBytes', /it is too close to 0$/],
    [`{"assets":[{${asset},"sizeBytes":1e16}]}`, 'assets/batch', '/assets/0/sizeBytes', tooLarge],
    [`{${asset},"metadata":1e16}`, 'assets', '/metadata', tooLarge],
    [`{${asset},"metadata":{"id":1e16}}`, 'assets', '/metadata/id', asString],
    [`{${asset},"meta\u0064ata":{"id":1e16}}`, 'assets', '/metadata/id', asString],
    [
      `{"assets":[{${asset},"metadata":{"ids":[1e16]}}]}`,
      'assets/batch',
      '/assets/0/metadata/ids/0',
      asString,
    ],
  ];
  for (const [body, path, place, message] of cases) {
    const answer = await alice.send({
      method: 'POST',
      path: `${lab}/${path}`,
      body,
      headers: json,
    });
    isProblem(t, answer, 'validation_failed', body);
    t.match(pick(answer.json, 'errors'), [{ path: place, code: 'number', message }], body);
  }
  const filtered = await alice.get(`${spaces}?metadata=${encodeURIComponent('{"metadata":1e16}')}`);
  t.match(pick(filtered.json, 'errors'), [{ path: '/metadata/metadata', message: asString }]);
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
    path: lab,
    body,
    headers: json,
  });
  t.equal(written.status, 200, written.text);
  t.strictSame(pick(pick(written.json, 'metadata'), 'numbers'), numbers.map(Number));
});

test('metadata with too many digits or values is 400; the metadata filter has lower limits', async (t) => {
  const alice = await startTeam(t);
  const write = (metadata: object) => alice.patch(lab, { metadata });
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
    alice.get(`${spaces}?metadata=${encodeURIComponent(JSON.stringify(value))}`);
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
