import { test } from 'tap';
import { anyAsset, startLabs } from '../../helpers/contents.js';
import { pick } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';

const DIGEST = 'a1'.repeat(32);

test('an asset is created in an episode, or in the space with its folders', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  await lab.episode('run');
  const body = {
    path: '/camera/front.mp4',
    kind: 'video',
    uri: 's3://recordings/front.mp4',
    contentType: 'video/mp4; codecs="avc1"',
    sizeBytes: Number.MAX_SAFE_INTEGER,
    checksum: `sha256:${DIGEST}`,
    tags: ['front'],
    metadata: { fps: 30 },
  };
  const inside = await owner.post(`${lab.path}/assets`, { ...body, episode: 'run' });
  t.equal(inside.status, 201);
  t.match(inside.json, { ...body, name: 'front.mp4', episode: 'run', version: 1 });
  t.same(await lab.contents(), { folders: 0, episodes: 1, assets: 1 }, 'no folder is created');
  const outside = await owner.post(`${lab.path}/assets`, { ...anyAsset, path: body.path });
  t.match(outside.json, {
    path: body.path,
    contentType: null,
    sizeBytes: null,
    checksum: null,
    tags: [],
    metadata: null,
    episode: null,
  });
  t.same(await lab.contents(), { folders: 1, episodes: 1, assets: 2 });
  for (const { headers, text } of [inside, outside]) {
    const location = String(headers['location']);
    t.equal((await owner.get(location)).text, text, location);
  }
});

test('every URI of the supported schemes is stored as it was sent', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const uris = [
    's3://bucket/key',
    's3://my_bucket/a//b/@c:d',
    's3://bucket/a%20b/%D0%BA%D0%BB%D1%8E%D1%87/%5B1%5D',
    "s3://bucket/!$&'()*+,;=-._~",
    'gs://bucket/key?generation=1#part',
    'az://account/container/blob',
    'file:///data/run.mcap',
    'file://server/share/run.mcap',
    'https://host/a?user=me@example.org&next=https://other/%2F#/a?b',
    'https://host:8443',
    'https://[2001:db8::1]:8443/a',
    'HTTPS://Host/A',
    'urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6',
    'urn:example:a/b@c?+r?=q#f',
  ];
  const assets = uris.map((uri, index) => ({ path: `/${index}`, kind: 'file', uri }));
  const answer = await owner.post(`${lab.path}/assets/batch`, { assets });
  t.equal(answer.status, 201, answer.text);
  t.same(
    (await lab.assets()).assets.map(({ uri }) => uri),
    uris,
  );
});

test('a path is unique in its episode, and among the assets without an episode', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  await lab.episode('one');
  await lab.episode('two');
  const create = (path: string, episode: string | null) =>
    owner.post(`${lab.path}/assets`, { ...anyAsset, path, episode });
  for (const episode of ['one', 'two', null]) {
    const title = `episode ${String(episode)}`;
    t.equal((await create('/a/file', episode)).status, 201, title);
    isProblem(t, await create('/a/file', episode), 'path_conflict', title);
    t.equal((await create('/a/File', episode)).status, 201, `${title}: case-sensitive`);
    t.equal((await create('/file', episode)).status, 201, `${title}: another folder`);
  }
  isProblem(t, await create('/x', 'three'), 'episode_not_found');
  t.equal((await lab.assets()).total, 9);
});

test('an update changes the given fields of an asset, moves it, merges metadata and clears fields', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  await lab.episode('run');
  for (const episode of ['run', null]) {
    const asset = await lab.asset('/a/file', { episode, sizeBytes: 5, tags: ['a'] });
    await lab.asset('/taken', { episode });
    const path = `${lab.path}/assets/${asset.id}`;
    t.same((await owner.patch(path, {})).json, asset, `episode ${String(episode)}`);
    t.match((await owner.patch(path, { kind: 'video', uri: 'urn:a:c' })).json, {
      kind: 'video',
      uri: 'urn:a:c',
      sizeBytes: 5,
      version: 2,
    });
    t.match((await owner.patch(path, { sizeBytes: null, tags: null })).json, {
      sizeBytes: null,
      tags: [],
    });
    t.match((await owner.patch(path, { path: '/b/c/other' })).json, {
      path: '/b/c/other',
      name: 'other',
      episode,
    });
    isProblem(t, await owner.patch(path, { path: '/taken' }), 'path_conflict');
    t.match((await owner.mergePatch(path, { metadata: { a: { b: 1 } } })).json, {
      metadata: { a: { b: 1 } },
    });
    isProblem(t, await owner.patch(path, { episode: 'run' }), 'validation_failed');
    t.match(await lab.getAsset(asset.id), { path: '/b/c/other', version: 5 }, String(episode));
  }
  t.same(
    (await lab.folders('?recursive=true')).folders.map(({ path }) => path),
    ['/a', '/b', '/b/c'],
    'only for the asset outside of the episode',
  );
});

test('a deleted asset releases its path, and is restored when the path is free', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  await lab.episode('run');
  for (const episode of ['run', null]) {
    const asset = await lab.asset('/a/file', { episode });
    const path = `${lab.path}/assets/${asset.id}`;
    t.equal((await owner.delete(path)).status, 204, `episode ${String(episode)}`);
    isProblem(t, await owner.delete(path), 'asset_not_found');
    isProblem(t, await owner.patch(path, { kind: 'video' }), 'asset_not_found');
    const other = await lab.asset('/a/file', { episode });
    isProblem(t, await owner.post(`${path}/restore`), 'path_conflict');
    await owner.delete(`${lab.path}/assets/${other.id}`);
    const restored = await owner.post(`${path}/restore`);
    t.match(restored.json, { ...asset, version: 3, updatedAt: String }, String(episode));
    t.equal((await owner.post(`${path}/restore`)).text, restored.text, 'an active one');
  }
  t.equal((await lab.contents()).assets, 2);
});

test('a batch is created completely and in order, or not at all, and each error names its index', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  await lab.episode('run');
  await lab.episode('done', { writeProtected: true });
  const batch = (assets: object[]) =>
    owner.post(`${lab.path}/assets/batch`, {
      assets: assets.map((asset) => ({ ...anyAsset, ...asset })),
    });
  const hundred = Array.from({ length: 100 }, (_, index) => ({
    path: `/${index % 3}/${index}`,
    episode: index % 2 === 0 ? 'run' : null,
  }));
  const created = await batch(hundred);
  t.equal(created.status, 201);
  t.match(
    created.json,
    { assets: hundred },
    'in the order of the request, each in its episode or folder',
  );
  t.same(await lab.contents(), { folders: 3, episodes: 2, assets: 100 });

  const conflict = await batch([
    { path: '/new' },
    { path: '/1/1' },
    { path: '/same', episode: 'run' },
    { path: '/same' },
    { path: '/same', episode: 'run' },
  ]);
  isProblem(t, conflict, 'path_conflict');
  t.match(conflict.json, {
    errors: ['/assets/1/path', '/assets/2/path', '/assets/4/path'].map((path) => ({ path })),
  });
  const missing = await batch([
    { path: '/new/on/the/way' },
    { path: '/a', episode: 'none' },
    { path: '/b', episode: 'done' },
  ]);
  isProblem(t, missing, 'episode_not_found');
  t.match(missing.json, {
    errors: [
      { path: '/assets/1/episode', code: 'episode_not_found' },
      { path: '/assets/2/episode', code: 'write_protected' },
    ],
  });
  const several = await batch([
    { path: '/new/on/the/way' },
    { path: '/1/1' },
    { path: '/a', episode: 'none' },
    { path: '/b', episode: 'done' },
    { path: '/z' },
    { path: '/0/0', episode: 'run' },
    { path: '/z' },
    { path: '/b', episode: 'done' },
  ]);
  isProblem(t, several, 'path_conflict', 'the code of the first');
  const violations = pick(several.json, 'errors');
  t.match(violations, [
    { path: '/assets/1/path', code: 'path_conflict' },
    { path: '/assets/2/episode', code: 'episode_not_found' },
    { path: '/assets/3/episode', code: 'write_protected' },
    { path: '/assets/4/path', code: 'path_conflict' },
    { path: '/assets/5/path', code: 'path_conflict' },
    { path: '/assets/6/path', code: 'path_conflict' },
    { path: '/assets/7/episode', code: 'write_protected' },
  ]);
  t.equal(Array.isArray(violations) && violations.length, 7, 'each asset once, and no others');
  isProblem(t, await batch([{ path: '/b', episode: 'done' }]), 'write_protected');
  t.same(await lab.contents(), { folders: 3, episodes: 2, assets: 100 }, 'nothing was created');
  isProblem(t, await batch([]), 'validation_failed');
  isProblem(t, await batch([...hundred, { path: '/one-more' }]), 'validation_failed');
});

test('exactly one of parallel batches with common paths is created, in any order of items', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  for (const name of ['a', 'b', 'c']) await lab.episode(name);
  const items = ['a', 'b', 'c', null].map((episode) => ({ ...anyAsset, path: '/x/y', episode }));
  const answers = await Promise.all(
    Array.from({ length: 16 }, (_, index) =>
      owner.post(`${lab.path}/assets/batch`, {
        assets: index % 2 === 0 ? items : items.toReversed(),
      }),
    ),
  );
  t.same(answers.map(({ status }) => status).sort(), [
    201,
    ...Array.from({ length: 15 }, () => 409),
  ]);
  t.same(await lab.contents(), { folders: 1, episodes: 3, assets: 4 });
});

test('assets are filtered by episode, prefix, kind and checksum, and by the common filters', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  await lab.episode('run');
  await lab.asset('/cam/Front.mp4', { episode: 'run', kind: 'video', tags: ['hd'] });
  await lab.asset('/cam/b/rear.mp4', { episode: 'run', kind: 'video' });
  await lab.asset('/camera', { episode: 'run', checksum: `sha256:${DIGEST}` });
  await lab.asset('/cam/notes.txt', { kind: 'text', metadata: { by: 'ed' } });
  await lab.asset('/cam/b/c/cloud.pcd', { kind: 'point-cloud' });
  await lab.asset('/cam.txt');
  const gone = await lab.asset('/cam/gone.txt');
  await owner.delete(`${lab.path}/assets/${gone.id}`);
  const names = async (query: string) => {
    const { assets, total } = await lab.assets(`?${query}`);
    t.equal(total, assets.length, query);
    return assets.map(({ name }) => name);
  };
  const all = ['Front.mp4', 'rear.mp4', 'camera', 'notes.txt', 'cloud.pcd', 'cam.txt'];
  const rows: [string, string[]][] = [
    ['', all],
    ['episode=run', all.slice(0, 3)],
    ['episode=none', []],
    ['prefix=/', all],
    ['prefix=/cam', ['Front.mp4', 'rear.mp4', 'notes.txt', 'cloud.pcd']],
    ['prefix=/cam/b', ['rear.mp4', 'cloud.pcd']],
    ['prefix=/cam.txt', ['cam.txt']],
    ['prefix=/cam/b/c/cloud.pcd', ['cloud.pcd']],
    ['prefix=/none/cam.txt', []],
    ['episode=run&prefix=/cam', ['Front.mp4', 'rear.mp4']],
    ['kind=text&kind=video', ['Front.mp4', 'rear.mp4', 'notes.txt']],
    [`checksum=sha256:${DIGEST}`, ['camera']],
    ['tag=hd', ['Front.mp4']],
    ['q=front', ['Front.mp4']],
    ['metadata=%7B%22by%22%3A%22ed%22%7D', ['notes.txt']],
    ['sort=name', ['cam.txt', 'camera', 'cloud.pcd', 'Front.mp4', 'notes.txt', 'rear.mp4']],
    ['sort=-createdAt&kind=video', ['rear.mp4', 'Front.mp4']],
    ['sort=updatedAt', all],
  ];
  for (const [query, expected] of rows) t.same(await names(query), expected, query);
  const found = async (query: string) => (await owner.get(`${lab.path}/assets?${query}`)).json;
  t.match(await found('state=deleted'), { total: 1, assets: [{ path: '/cam/gone.txt' }] });
  t.match(await found('state=deleted&prefix=/cam'), { total: 1 });
  t.match(await found('state=deleted&prefix=/ca'), { total: 0 });
  t.match(await found('state=all&prefix=/cam'), { total: 5 });
  isProblem(t, await owner.get(`${lab.path}/assets?slug=a`), 'validation_failed');
});
