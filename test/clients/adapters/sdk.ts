import assert from 'node:assert/strict';
import { createSpacesClient, SpacesError, unwrap } from 'spaces-sdk';

const path = { slug: 'demo' };
const sent: string[] = [];
/** What befalls the next requests; those after them are well. */
let faults: ('lost request' | 'lost answer' | 'unavailable' | 'rate limited' | 'broken proxy')[] =
  [];

async function faultyFetch(request: Request): Promise<Response> {
  const fault = faults.shift();
  sent.push(`${request.method} ${request.headers.get('idempotency-key') ?? ''}`.trim());
  if (fault === 'lost request') throw new TypeError('fetch failed');
  if (fault === 'unavailable' || fault === 'rate limited') {
    const status = fault === 'unavailable' ? 503 : 429;
    return new Response('{}', { status, headers: { 'retry-after': '0' } });
  }
  if (fault === 'broken proxy') return new Response('<h1>Bad Gateway</h1>', { status: 502 });
  const response = await fetch(request);
  if (fault === 'lost answer') throw new TypeError('fetch failed');
  return response;
}

let tokens = 0;
const api = createSpacesClient({
  baseUrl: String(process.env['ORIGIN']),
  token: () => {
    tokens += 1;
    return Promise.resolve(String(process.env['TOKEN']));
  },
  attempts: 3,
  fetch: faultyFetch,
});
const create = (name: string) =>
  api.POST('/namespaces/{slug}/spaces', { params: { path }, body: { name } });
const rename = (name: string) =>
  api.PATCH('/namespaces/{slug}/projects/{projectSlug}', {
    params: { path: { ...path, projectSlug: 'lost' } },
    body: { name },
  });

faults = ['lost answer', 'unavailable'];
assert.equal(unwrap(await create('Lost')).slug, 'lost', 'a create whose answer was lost');
const [first, ...others] = sent.splice(0);
assert.match(String(first), /^POST .{36}$/);
assert.deepEqual(others, [first, first], 'the same key in each attempt');
assert.equal(tokens, 1);

faults = ['lost request', 'lost request', 'lost request'];
await assert.rejects(create('Never'), TypeError, 'no more than the attempts');
assert.equal(sent.splice(0).length, 3);

faults = ['lost request'];
await assert.rejects(rename('Maybe'), TypeError, 'a PATCH may have been carried out');
faults = ['unavailable'];
assert.equal((await rename('Maybe')).response.status, 503);
faults = ['rate limited'];
assert.equal(unwrap(await rename('Found')).name, 'Found', 'what was turned away was not');
assert.equal(sent.splice(0).length, 4);

const conflict = await create('Lost');
assert.throws(
  () => unwrap(conflict),
  (error) => error instanceof SpacesError && error.code === 'slug_conflict',
);
faults = ['broken proxy'];
const broken = await create('Other');
assert.throws(() => unwrap(broken), /^Error: HTTP status 502$/);

async function all<Item>(list: AsyncIterable<Item>): Promise<Item[]> {
  const items: Item[] = [];
  for await (const item of list) items.push(item);
  return items;
}
const names = async (list: AsyncIterable<{ slug: string }>) =>
  (await all(list)).map(({ slug }) => slug);
faults = ['lost request', 'lost answer'];
assert.deepEqual(await names(api.spaces('demo', { pageSize: 1 })), ['first', 'second', 'lost']);
assert.deepEqual(await names(api.namespaces()), ['demo']);
const lab = { ...path, projectSlug: 'lost' };
const SPACE = '/namespaces/{slug}/projects/{projectSlug}';
for (const name of ['run 1', 'run 2']) {
  const body = { name, folder: '/2026' };
  unwrap(await api.POST(`${SPACE}/episodes`, { params: { path: lab }, body }));
}
const asset = { path: '/a.mp4', kind: 'video', uri: 's3://bucket/a.mp4', episode: 'run 1' };
unwrap(await api.POST(`${SPACE}/assets`, { params: { path: lab }, body: asset }));
const listed = {
  folders: (await all(api.folders('demo', 'lost'))).map((folder) => folder.path),
  episodes: (await all(api.episodes('demo', 'lost', { pageSize: 1 }))).map(({ name }) => name),
  assets: (await all(api.assets('demo', 'lost', { episode: 'run 1' }))).map((each) => each.path),
};
assert.deepEqual(listed, {
  folders: ['/2026'],
  episodes: ['run 1', 'run 2'],
  assets: ['/a.mp4'],
});
const members = await all(api.members('demo'));
assert.deepEqual(
  members.map(({ subject, role }) => [subject, role]),
  [['owner', 'owner']],
);
