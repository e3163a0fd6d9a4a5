import { test } from 'tap';
import type { Answer } from '../../helpers/app.js';
import { startLabs } from '../../helpers/contents.js';
import { isProblem } from '../../helpers/problem.js';

test('an upsert creates an episode once and then updates the given fields', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const upsert = (fields: object) =>
    owner.post(`${lab.path}/episodes`, { name: 'run 1', ...fields });
  const created = await upsert({});
  t.equal(created.status, 201);
  t.equal(created.headers['location'], `${lab.path}/episodes/run%201`);
  t.match(created.json, {
    name: 'run 1',
    description: null,
    tags: [],
    status: 'running',
    writeProtected: false,
    folder: '/',
    metadata: null,
    version: 1,
  });
  const again = await upsert({});
  t.same([again.status, again.text], [200, created.text], 'an empty upsert');
  t.equal(again.headers['etag'], created.headers['etag']);

  const steps: [object, object][] = [
    [
      { description: 'D', tags: ['a', ' b '], metadata: { a: 1 } },
      { tags: ['a', 'b'], version: 2 },
    ],
    [{ status: 'completed' }, { status: 'completed', description: 'D', version: 3 }],
    [{ folder: '/2026/night' }, { folder: '/2026/night', tags: ['a', 'b'], version: 4 }],
    [
      { description: null, tags: null },
      { description: null, tags: [], folder: '/2026/night' },
    ],
    [
      { folder: '/', metadata: null },
      { folder: '/', metadata: null, version: 6 },
    ],
  ];
  for (const [fields, expected] of steps) {
    const { status, json } = await upsert(fields);
    const title = JSON.stringify(fields);
    t.equal(status, 200, title);
    t.match(json, expected, title);
    t.same(await lab.getEpisode('run 1'), json, title);
  }
  t.same(await lab.contents(), { folders: 2, episodes: 1, assets: 0 });
});

test('exactly one of parallel upserts of one name creates the episode and its folder', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const answers = await Promise.all(
    Array.from({ length: 30 }, () =>
      owner.post(`${lab.path}/episodes`, { name: 'run', folder: '/a/b/c', status: 'completed' }),
    ),
  );
  const statuses = answers.map(({ status }) => status).sort();
  t.same(statuses, [...Array.from({ length: 29 }, () => 200), 201]);
  t.same(await lab.contents(), { folders: 3, episodes: 1, assets: 0 });
  t.equal((await lab.getEpisode('run')).version, 30, 'no update is lost');
});

test('a name is unique in the space, across folders and after a deletion', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  await lab.episode('a', { folder: '/x' });
  await lab.episode('b');
  const rename = (name: string) => owner.patch(`${lab.path}/episodes/b`, { name });
  isProblem(t, await rename('a'), 'name_conflict');
  t.equal((await rename('b')).status, 200, 'its own name');
  await owner.delete(`${lab.path}/episodes/a`);
  isProblem(t, await rename('a'), 'name_conflict', 'the name of a deleted one');
  t.match((await rename('c')).json, { name: 'c', folder: '/' });
  isProblem(t, await owner.get(`${lab.path}/episodes/b`), 'episode_not_found');
});

test('an upsert of a deleted episode is 410 for writers, and creates nothing', async (t) => {
  const { service, owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  await owner.put('/namespaces/acme/members/vic', { role: 'viewer' });
  await lab.episode('run', { folder: '/a' });
  t.equal((await owner.delete(`${lab.path}/episodes/run`)).status, 204);
  const upsert = { name: 'run', folder: '/new' };
  isProblem(t, await owner.post(`${lab.path}/episodes`, upsert), 'episode_deleted');
  const viewer = await service.as('vic');
  isProblem(t, await viewer.post(`${lab.path}/episodes`, upsert), 'insufficient_role');
  const stranger = await service.as('eve');
  isProblem(t, await stranger.post(`${lab.path}/episodes`, upsert), 'namespace_not_found');
  t.same(await lab.contents(), { folders: 1, episodes: 0, assets: 0 });

  const restored = await owner.post(`${lab.path}/episodes/run/restore`);
  t.match(restored.json, { name: 'run', folder: '/a', version: 3 });
  t.equal((await owner.post(`${lab.path}/episodes`, { name: 'run' })).status, 200);
  t.equal((await owner.post(`${lab.path}/episodes/run/restore`)).status, 200, 'an active one');
  isProblem(t, await owner.post(`${lab.path}/episodes/none/restore`), 'episode_not_found');
});

test('an upsert with If-None-Match: * only creates, one with If-Match only updates', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const upsert = (headers: Record<string, string>, fields: object = {}) =>
    owner.send({
      method: 'POST',
      path: `${lab.path}/episodes`,
      body: { name: 'run', folder: '/made', ...fields },
      headers,
    });
  isProblem(t, await upsert({ 'if-match': '*' }), 'precondition_failed', 'no episode');
  isProblem(t, await upsert({ 'if-match': '"x"' }), 'precondition_failed', 'no episode');
  t.same(await lab.contents(), { folders: 0, episodes: 0, assets: 0 });
  const made = await upsert({ 'if-none-match': '*' });
  t.equal(made.status, 201);
  isProblem(t, await upsert({ 'if-none-match': '*' }), 'precondition_failed');
  const tag = String(made.headers['etag']);
  t.equal((await upsert({ 'if-match': tag }, { status: 'failed' })).status, 200);
  isProblem(t, await upsert({ 'if-match': tag }, { status: 'failed' }), 'precondition_failed');
  t.equal((await lab.getEpisode('run')).version, 2);
});

test('every write to a write-protected episode, its assets and the paths of its folders is 403', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const parent = await lab.folder('/a');
  const folder = await lab.folder('/a/b');
  await lab.episode('run', { folder: '/a/b' });
  const { id } = await lab.asset('/file', { episode: 'run' });
  const gone = await lab.asset('/gone', { episode: 'run' });
  await owner.delete(`${lab.path}/assets/${gone.id}`);
  t.match((await owner.patch(`${lab.path}/episodes/run`, { writeProtected: true })).json, {
    writeProtected: true,
  });
  const before = [
    await lab.getEpisode('run'),
    await lab.assets(),
    await lab.folders('?recursive=true'),
  ];

  const asset = { path: '/new', kind: 'file', uri: 'urn:a:b', episode: 'run' };
  const rejected: [string, () => Promise<Answer>][] = [
    ['unprotect', () => owner.patch(`${lab.path}/episodes/run`, { writeProtected: false })],
    ['change', () => owner.patch(`${lab.path}/episodes/run`, { description: 'D' })],
    ['merge', () => owner.mergePatch(`${lab.path}/episodes/run`, { metadata: { a: 1 } })],
    ['rename', () => owner.patch(`${lab.path}/episodes/run`, { name: 'other' })],
    ['move', () => owner.patch(`${lab.path}/episodes/run`, { folder: '/' })],
    ['upsert', () => owner.post(`${lab.path}/episodes`, { name: 'run', status: 'failed' })],
    ['delete', () => owner.delete(`${lab.path}/episodes/run`)],
    ['a new asset', () => owner.post(`${lab.path}/assets`, asset)],
    ['a batch', () => owner.post(`${lab.path}/assets/batch`, { assets: [asset] })],
    ['a change of an asset', () => owner.patch(`${lab.path}/assets/${id}`, { kind: 'video' })],
    ['a move of an asset', () => owner.patch(`${lab.path}/assets/${id}`, { path: '/other' })],
    ['a deletion of an asset', () => owner.delete(`${lab.path}/assets/${id}`)],
    ['a restore of an asset', () => owner.post(`${lab.path}/assets/${gone.id}/restore`)],
    ['a move of its folder', () => owner.patch(`${lab.path}/folders/${folder.id}`, { path: '/c' })],
    ['a move of a parent', () => owner.patch(`${lab.path}/folders/${parent.id}`, { path: '/c' })],
  ];
  for (const [title, send] of rejected) isProblem(t, await send(), 'write_protected', title);
  t.same(
    [await lab.getEpisode('run'), await lab.assets(), await lab.folders('?recursive=true')],
    before,
    'nothing was written',
  );
  t.equal(
    (await owner.post(`${lab.path}/episodes`, { name: 'run' })).status,
    200,
    'an empty upsert',
  );
  t.equal((await owner.patch(`${lab.path}/folders/${folder.id}`, { metadata: {} })).status, 200);
  t.equal((await lab.assets('?episode=run')).total, 1);
});

test('a name with special characters is stored, and reaches its episode in a path', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const names = ['a b', 'ünï', '100%', '?&#', '..a', '日本', "it's", '🤖'];
  for (const name of names) {
    await lab.episode(name, { writeProtected: true });
    const path = `${lab.path}/episodes/${encodeURIComponent(name)}`;
    isProblem(t, await owner.delete(path), 'write_protected', name);
  }
  t.same(
    (await lab.episodes('?sort=createdAt')).episodes.map(({ name }) => name),
    names,
  );
  t.equal((await owner.get(`${lab.path}/episodes/u%CC%88ni%CC%88`)).status, 200, 'a path in NFD');
  for (const name of ['%00', 'none']) {
    isProblem(t, await owner.get(`${lab.path}/episodes/${name}`), 'episode_not_found', name);
  }
  isProblem(t, await owner.get(`${lab.path}/episodes/%ED%A0%80`), 'malformed_request');
});

test('a deletion of an episode deletes its active assets, and its restore restores those', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  await lab.episode('run');
  await lab.episode('other');
  const kept = await lab.asset('/kept', { episode: 'run' });
  const gone = await lab.asset('/gone', { episode: 'run' });
  await lab.asset('/of-other', { episode: 'other' });
  await lab.asset('/of-space');
  await owner.delete(`${lab.path}/assets/${gone.id}`);
  await owner.delete(`${lab.path}/episodes/run`);
  t.same(await lab.contents(), { folders: 0, episodes: 1, assets: 2 });
  isProblem(t, await owner.get(`${lab.path}/assets/${kept.id}`), 'asset_not_found');
  t.equal((await lab.assets('?episode=run')).total, 0);
  for (const { id } of [kept, gone]) {
    isProblem(t, await owner.post(`${lab.path}/assets/${id}/restore`), 'episode_deleted');
  }
  const asset = { path: '/x', kind: 'file', uri: 'urn:a:b', episode: 'run' };
  isProblem(t, await owner.post(`${lab.path}/assets`, asset), 'episode_not_found');

  await owner.post(`${lab.path}/episodes/run/restore`);
  t.same((await lab.assets('?episode=run')).assets, [kept], 'not the one deleted before');
  t.same(await lab.contents(), { folders: 0, episodes: 2, assets: 3 });
  t.equal((await owner.post(`${lab.path}/assets/${gone.id}/restore`)).status, 200);
});

test('no asset written during the deletion of its episode stays active', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  for (let round = 0; round < 10; round += 1) {
    const name = `run ${round}`;
    await lab.episode(name);
    const { id } = await lab.asset('/deleted', { episode: name });
    await owner.delete(`${lab.path}/assets/${id}`);
    await Promise.all([
      ...Array.from({ length: 8 }, (_, index) =>
        owner.post(`${lab.path}/assets`, {
          path: `/${index}`,
          kind: 'file',
          uri: 'urn:a:b',
          episode: name,
        }),
      ),
      owner.post(`${lab.path}/assets/${id}/restore`),
      owner.delete(`${lab.path}/episodes/${encodeURIComponent(name)}`),
    ]);
    t.equal((await lab.assets()).total, 0, `round ${round}`);
    t.same(await lab.contents(), { folders: 0, episodes: 0, assets: 0 }, `round ${round}`);
  }
});

test('episodes are filtered by folder, status, tag, text and metadata, in every state and order', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  await lab.episode('b1', { folder: '/x', tags: ['red', 'big'], metadata: { arm: 7 } });
  await lab.episode('a2', { folder: '/x/y', status: 'failed', description: 'Broken gripper' });
  await lab.episode('C3', { status: 'completed', tags: ['red'] });
  await lab.episode('d4', { folder: '/x/y', status: 'archived' });
  await owner.delete(`${lab.path}/episodes/d4`);
  const names = async (query: string) => {
    const { episodes, total } = await lab.episodes(`?${query}`);
    t.equal(total, episodes.length, query);
    return episodes.map(({ name }) => name);
  };
  const rows: [string, string[]][] = [
    ['', ['b1', 'a2', 'C3']],
    ['folder=/', ['C3']],
    ['folder=/&recursive=true', ['b1', 'a2', 'C3']],
    ['folder=/x', ['b1']],
    ['folder=/x&recursive=true', ['b1', 'a2']],
    ['folder=/none', []],
    ['status=failed&status=completed', ['a2', 'C3']],
    ['status=archived', []],
    ['tag=red', ['b1', 'C3']],
    ['tag=red&tag=big', ['b1']],
    ['q=GRIP', ['a2']],
    ['metadata=%7B%22arm%22%3A7%7D', ['b1']],
    ['sort=name', ['a2', 'b1', 'C3']],
    ['sort=-createdAt', ['C3', 'a2', 'b1']],
    ['sort=-updatedAt', ['C3', 'a2', 'b1']],
    ['createdAfter=2999-01-01T00:00:00Z', []],
    ['createdBefore=2999-01-01T00:00:00Z&folder=/x', ['b1']],
  ];
  for (const [query, expected] of rows) t.same(await names(query), expected, query);
  const deleted = async (query: string) => {
    const { json } = await owner.get(`${lab.path}/episodes?${query}`);
    return json;
  };
  t.match(await deleted('state=deleted'), { total: 1, episodes: [{ name: 'd4', folder: '/x/y' }] });
  t.match(await deleted('state=deleted&folder=/x&recursive=true'), { total: 1 });
  t.match(await deleted('state=deleted&folder=/x'), { total: 0 });
  t.match(await deleted('state=all&folder=/x/y'), { total: 2 });
  t.match(await deleted('state=all&sort=-name'), { total: 4, episodes: [{ name: 'd4' }] });
});
