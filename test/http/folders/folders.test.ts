import { test } from 'tap';
import { startLabs } from '../../helpers/contents.js';
import { pick, pickString } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';

test('a create makes a folder and its missing ancestors', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const answer = await owner.post(`${lab.path.replace('projects', 'spaces')}/folders`, {
    path: '/2026/ night shift ',
    metadata: { site: 'hall-3' },
  });
  t.equal(answer.status, 201);
  const { folders } = await lab.folders('?recursive=true');
  t.same(
    folders.map(({ path, name, metadata, version }) => ({ path, name, metadata, version })),
    [
      { path: '/2026', name: '2026', metadata: null, version: 1 },
      { path: '/2026/night shift', name: 'night shift', metadata: { site: 'hall-3' }, version: 1 },
    ],
  );
  const [, created] = folders;
  t.equal(answer.headers['location'], `${lab.path}/folders/${created?.id}`);
  t.same(answer.json, created);
  t.same(await lab.getFolder(String(created?.id)), created);
  t.same(await lab.contents(), { folders: 2, episodes: 0, assets: 0 });
});

test('an existing path is 409, also in another normal form; a path in another case is not', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  await lab.folder('/a/b');
  await lab.episode('run', { folder: '/c' });
  await lab.folder('/e\u0301');
  for (const path of ['/a/b', '/a', '/c', '/\u00e9']) {
    isProblem(t, await owner.post(`${lab.path}/folders`, { path }), 'path_conflict', path);
  }
  t.equal((await lab.folder('/A')).path, '/A');
  t.equal((await lab.folders('?recursive=true')).total, 5);
});

test('a list shows the children of a folder, or all descendants, in the order of paths', async (t) => {
  const { makeLab } = await startLabs(t);
  const lab = await makeLab();
  for (const path of ['/b', '/a/z', '/a/m/1', '/a-b', '/ab', '/Z']) await lab.folder(path);
  const paths = async (query: string) => (await lab.folders(query)).folders.map(({ path }) => path);
  t.same(await paths(''), ['/Z', '/a', '/a-b', '/ab', '/b']);
  t.same(await paths('?parent=/'), ['/Z', '/a', '/a-b', '/ab', '/b']);
  t.same(await paths('?parent=/a'), ['/a/m', '/a/z']);
  t.same(await paths('?parent=/a&recursive=true'), ['/a/m', '/a/m/1', '/a/z']);
  t.same(await paths('?recursive=true&q=M'), ['/a/m']);
  t.same(await paths('?recursive=true&q=%25'), []);
  t.same(await paths('?parent=/none'), []);
  const all = ['/Z', '/a', '/a-b', '/a/m', '/a/m/1', '/a/z', '/ab', '/b'];
  t.same(await paths('?recursive=true'), all);
  const page = await lab.folders('?recursive=true&pageSize=3&page=2');
  t.same([page.total, page.totalPages], [8, 3]);
  t.same(
    page.folders.map(({ path }) => path),
    all.slice(3, 6),
  );
  t.equal((await lab.folders('?parent=/a&pageSize=1')).total, 2);
});

test('folders whose paths share more than 600 characters are in the order of their creation', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const parent = `/${'x'.repeat(99)}`.repeat(7);
  const names = ['c', 'a', 'b'];
  for (const name of names) await lab.folder(`${parent}/${name}`);
  for (const query of [`parent=${parent}`, `parent=${parent}&recursive=true`]) {
    const { folders } = await lab.folders(`?${query}`);
    t.same(
      folders.map(({ name }) => name),
      names,
      query.slice(-14),
    );
    const seen: string[] = [];
    for (let cursor = 'start'; cursor !== '';) {
      const { json } = await owner.get(`${lab.path}/folders?${query}&pageSize=1&cursor=${cursor}`);
      seen.push(pickString(json, 'folders', 0, 'name'));
      const next = pick(json, 'nextCursor');
      cursor = typeof next === 'string' ? next : '';
    }
    t.same(seen, names, `${query.slice(-14)}: by cursor`);
  }
});

test('a folder moves with its descendants, and its contents follow without being written', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const folder = await lab.folder('/a');
  const below = await lab.folder('/a/b');
  const sibling = await lab.folder('/ab');
  const episode = await lab.episode('run', { folder: '/a/b' });
  const asset = await lab.asset('/a/b/file.txt');
  const tagOf = async (path: string) => (await owner.get(path)).headers['etag'];
  const before = await tagOf(`${lab.path}/episodes/run`);
  const list = await tagOf(`${lab.path}/episodes`);

  const answer = await owner.patch(`${lab.path}/folders/${folder.id}`, { path: '/x/y' });
  t.match(answer.json, { id: folder.id, path: '/x/y', name: 'y', version: 2 });
  t.match(await lab.getFolder(below.id), { path: '/x/y/b', version: 2 });
  t.same(await lab.getFolder(sibling.id), sibling, 'a path with a common prefix only stays');
  t.same(await lab.getEpisode('run'), { ...episode, folder: '/x/y/b' });
  t.same(await lab.getAsset(asset.id), { ...asset, path: '/x/y/b/file.txt' });
  t.not(await tagOf(`${lab.path}/episodes/run`), before, 'the episode has another path');
  t.not(await tagOf(`${lab.path}/episodes`), list, 'the list has another path');
  t.same((await lab.episodes('?folder=/a/b')).episodes, []);
  t.equal((await lab.episodes('?folder=/x&recursive=true')).total, 1);
  t.equal((await lab.contents()).folders, 4, '/x is created');
});

test('the ETag of contents is strong: no two paths with a common beginning of the digest share it', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  // The MD5 digests of these paths begin with the same eight digits.
  const [from, to] = ['/f37056', '/f61994'];
  const folder = await lab.folder(from);
  await lab.episode('run', { folder: from });
  const asset = await lab.asset(`${from}/file`);
  const paths = [`${lab.path}/episodes/run`, `${lab.path}/assets/${asset.id}`];
  const tags = new Map<string, string>();
  for (const path of paths) tags.set(path, String((await owner.get(path)).headers['etag']));
  await owner.patch(`${lab.path}/folders/${folder.id}`, { path: to });
  for (const [path, tag] of tags) {
    const headers = { 'if-none-match': tag };
    const answer = await owner.send({ method: 'GET', path, headers });
    t.equal(answer.status, 200, path);
    t.match(answer.text, to, path);
    t.match(answer.headers['etag'], /^"[0-9a-f-]{36}-1\.[0-9a-f]{32}"$/, path);
    const write = { method: 'PATCH', path, body: { tags: ['a'] } } as const;
    isProblem(
      t,
      await owner.send({ ...write, headers: { 'if-match': tag } }),
      'precondition_failed',
    );
  }
});

test('a folder moves to its own path, its parent and the root, but not into itself or to an existing path', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const folder = await lab.folder('/a/b');
  await lab.folder('/a/b/c');
  await lab.folder('/d');
  const move = (path: string) => owner.patch(`${lab.path}/folders/${folder.id}`, { path });
  isProblem(t, await move('/a/b/c/e'), 'folder_cycle');
  isProblem(t, await move('/a/b/new'), 'folder_cycle');
  isProblem(t, await move('/d'), 'path_conflict');
  isProblem(t, await move('/a'), 'path_conflict');
  t.equal((await lab.folders('?recursive=true')).total, 4, 'no folder is created on the way');
  t.equal((await move('/a/b')).status, 200, 'its own path');
  t.match((await move('/b')).json, { path: '/b' });
  t.match((await move('/a/bb')).json, { path: '/a/bb' }, 'a path with the old one as prefix');
  t.same(
    (await lab.folders('?recursive=true')).folders.map(({ path }) => path),
    ['/a', '/a/bb', '/a/bb/c', '/d'],
  );
});

test("a move that makes a descendant's path too long or too deep is rejected", async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const deep = '/d'.repeat(15);
  const folder = await lab.folder('/a');
  await lab.folder(`/a${deep}`);
  const name = 'n'.repeat(100);
  const long = await lab.folder('/l');
  await lab.folder(`/l${`/${name}`.repeat(9)}`);
  for (const [id, path] of [
    [folder.id, '/b/a'],
    [long.id, `/${name}`],
  ]) {
    const answer = await owner.patch(`${lab.path}/folders/${id}`, { path });
    isProblem(t, answer, 'validation_failed');
    t.match(answer.json, {
      detail: /more than 1000 characters or 16 segments/,
      errors: [{ path: '/path', code: 'path', message: /1000 characters or 16 segments/ }],
    });
  }
});

test('only an empty folder is deleted, permanently; a restored item recreates it', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const folder = await lab.folder('/a');
  const below = await lab.folder('/a/b');
  await lab.episode('run', { folder: '/a/b' });
  const { id } = await lab.asset('/a/b/file.txt');
  const remove = (which: string) => owner.delete(`${lab.path}/folders/${which}`);
  isProblem(t, await remove(folder.id), 'folder_not_empty');
  isProblem(t, await remove(below.id), 'folder_not_empty');
  await owner.delete(`${lab.path}/episodes/run`);
  isProblem(t, await remove(below.id), 'folder_not_empty', 'an asset is still in it');
  await owner.delete(`${lab.path}/assets/${id}`);
  isProblem(t, await remove(folder.id), 'folder_not_empty', 'a folder is in it');
  t.equal((await remove(below.id)).status, 204);
  isProblem(t, await remove(below.id), 'folder_not_found');
  isProblem(t, await owner.get(`${lab.path}/folders/${below.id}`), 'folder_not_found');
  t.equal((await remove(folder.id)).status, 204);
  t.same(await lab.contents(), { folders: 0, episodes: 0, assets: 0 });

  await owner.post(`${lab.path}/episodes/run/restore`);
  t.equal((await lab.getEpisode('run')).folder, '/a/b', 'a restore creates its folder again');
  await owner.post(`${lab.path}/assets/${id}/restore`);
  t.equal((await lab.getAsset(id)).path, '/a/b/file.txt');
  t.same(await lab.contents(), { folders: 2, episodes: 1, assets: 1 });
});

test('metadata is replaced, merged and cleared; an empty update changes nothing', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const { id } = await lab.folder('/a', { metadata: { a: 1, b: { c: 2 } } });
  const path = `${lab.path}/folders/${id}`;
  t.match((await owner.patch(path, {})).json, { version: 1 });
  t.match((await owner.mergePatch(path, { metadata: { b: { d: 3 }, a: null } })).json, {
    metadata: { b: { c: 2, d: 3 } },
    version: 2,
  });
  t.equal((await owner.patch(path, { metadata: null })).status, 200);
  t.match(await lab.getFolder(id), { metadata: null, version: 3, path: '/a' });
});

test('a subtree of 10,000 folders moves within the statement timeout', async (t) => {
  const { service, owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const { id } = await lab.folder('/large');
  await service.db.execute(`insert into folders (namespace_id, space_id, path)
    select namespace_id, space_id, '/large/' || i / 100 || case when i % 100 = 0 then '' else '/' || i end
    from folders, generate_series(100, 10099) i`);
  const answer = await owner.patch(`${lab.path}/folders/${id}`, { path: '/moved/away' });
  t.equal(answer.status, 200);
  t.equal((await lab.folders('?parent=/moved/away&recursive=true&pageSize=1')).total, 10_000);
});
