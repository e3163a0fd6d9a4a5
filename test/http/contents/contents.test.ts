/** Rules for all contents of a space. */
import { test } from 'tap';
import { anyAsset, type Lab, startLabs } from '../../helpers/contents.js';
import { pick, pickString } from '../../helpers/json.js';
import { isOpenApi } from '../../helpers/openapi.js';
import { isProblem } from '../../helpers/problem.js';
import { assertProblem, INVALID } from '../../helpers/spaces.js';

test('the script of the existing client: 404, the space, 201, and 200 from then on', async (t) => {
  const { owner } = await startLabs(t);
  const episodes = '/namespaces/acme/projects/robotics/episodes';
  const run = async () => {
    const statuses: number[] = [];
    const send = async (path: string, body: object) => {
      const answer = await owner.post(path, body);
      statuses.push(answer.status);
      return answer;
    };
    let answer = await send(episodes, { name: 'session-1', tags: ['teleop'] });
    if (answer.status === 404) {
      await send('/namespaces/acme/projects', { name: 'robotics' });
      answer = await send(episodes, { name: 'session-1', tags: ['teleop'] });
    }
    return { statuses, id: pickString(answer.json, 'id') };
  };
  const first = await run();
  t.same(first.statuses, [404, 201, 201]);
  const second = await run();
  t.same(second, { statuses: [200], id: first.id });
  await owner.post('/namespaces/acme/projects', { name: 'robotics' });
  t.equal((await owner.post('/namespaces/acme/projects', { name: 'robotics' })).status, 409);
});

test('every path below a space answers the same methods under both nouns', async (t) => {
  const { service } = await startLabs(t);
  const { json } = await service.send({ method: 'GET', path: '/openapi.json' });
  if (!isOpenApi(json)) throw new Error('not an OpenAPI document');
  const paths = Object.keys(json.paths).filter((path) => path.includes('{projectSlug}/'));
  t.equal(paths.length, 10);
  for (const path of paths) {
    const allowed = async (noun: string) => {
      const filled = path.replace('/projects/', `/${noun}/`).replaceAll(/\{\w+\}/g, 'x');
      return (await service.send({ method: 'OPTIONS', path: filled })).headers['allow'];
    };
    t.equal(await allowed('spaces'), await allowed('projects'), path);
    t.type(await allowed('spaces'), 'string');
  }
});

/** Fills a space and returns the path of each kind of item in it. */
async function fill(lab: Lab): Promise<string[]> {
  const folder = await lab.folder('/a/b');
  await lab.episode('run', { folder: '/a' });
  const asset = await lab.asset('/file', { episode: 'run' });
  return [
    `${lab.path}/folders/${folder.id}`,
    `${lab.path}/episodes/run`,
    `${lab.path}/assets/${asset.id}`,
    `${lab.path}/folders`,
    `${lab.path}/episodes`,
    `${lab.path}/assets`,
  ];
}

test('in a deleted space or namespace everything is 404, and there again with its restore', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const paths = await fill(lab);
  const texts = async () => Promise.all(paths.map(async (path) => (await owner.get(path)).text));
  const before = await texts();
  const holders = [
    [lab.path, 'space_not_found'],
    ['/namespaces/acme', 'namespace_not_found'],
  ] as const;
  for (const [holder, code] of holders) {
    await owner.delete(holder);
    for (const path of paths) isProblem(t, await owner.get(path), code, path);
    isProblem(t, await owner.post(`${lab.path}/episodes`, { name: 'run' }), code);
    await owner.post(`${holder}/restore`);
    t.same(await texts(), before);
  }
  t.same(await lab.contents(), { folders: 2, episodes: 1, assets: 1 });
});

test('a renamed space keeps what it contains, and reads by its old slug lead there', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const paths = await fill(lab);
  await owner.patch(lab.path, { slug: 'renamed' });
  const moved = '/namespaces/acme/projects/renamed';
  for (const path of paths) {
    const answer = await owner.get(path);
    t.equal(answer.status, 308, path);
    t.equal(answer.headers['location'], path.replace(lab.path, moved));
    t.equal((await owner.get(path.replace(lab.path, moved))).status, 200);
  }
  isProblem(t, await owner.post(`${lab.path}/episodes`, { name: 'run' }), 'space_not_found');
  // A new space with the old slug is another one.
  await owner.post('/namespaces/acme/spaces', { name: 'New', slug: lab.path.split('/').at(-1) });
  t.equal((await lab.episodes()).total, 0);
});

test('what is in one space is in no other, of the same names and by the ids of the first', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const [one, two] = [await makeLab(), await makeLab()];
  const paths = (await fill(one)).slice(0, 3);
  await two.episode('run', { folder: '/a/b', description: 'another' });
  for (const path of paths) {
    const there = path.replace(one.path, two.path);
    const answer = await owner.get(there);
    if (path.endsWith('/episodes/run')) t.match(answer.json, { description: 'another' });
    else t.equal(answer.status, 404, there);
    if (answer.status === 404) {
      for (const send of [() => owner.patch(there, { metadata: {} }), () => owner.delete(there)]) {
        t.equal((await send()).status, 404, there);
      }
    }
  }
  t.same(await one.contents(), { folders: 2, episodes: 1, assets: 1 });
  t.same(await two.contents(), { folders: 2, episodes: 1, assets: 0 });
});

test('the space shows what it contains, with a validator that changes with it', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const tags = new Set<unknown>();
  const look = async () => {
    const { headers } = await owner.get(lab.path);
    tags.add(headers['etag']);
    return String(headers['etag']);
  };
  await look();
  await lab.folder('/a');
  await look();
  await lab.episode('run');
  const tag = await look();
  await lab.asset('/file');
  await look();
  t.equal(tags.size, 4);
  const ifMatch = (method: 'PATCH' | 'GET', body?: object) =>
    owner.send({ method, path: lab.path, headers: { 'if-match': tag }, ...(body && { body }) });
  t.equal((await ifMatch('GET')).status, 412, 'another representation');
  const patched = await ifMatch('PATCH', { description: 'D' });
  t.equal(patched.status, 200, 'what came into it is no reason to refuse');
  t.equal(patched.headers['etag'], await look());
});

test('lists have numbered pages with validators and links, and are walked by cursor', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const names = Array.from({ length: 7 }, (_, index) => `n${index}`);
  for (const name of names) {
    await lab.folder(`/${name}`);
    await lab.episode(name);
    await lab.asset(`/${name}`);
  }
  const touch = {
    folders: () => lab.folder('/late'),
    episodes: () => lab.episode('late'),
    assets: () => lab.asset('/late'),
  };
  for (const kind of ['folders', 'episodes', 'assets'] as const) {
    const path = `${lab.path}/${kind}`;
    const first = await owner.get(`${path}?pageSize=3&page=2`);
    t.match(first.headers['link'], /page=1&pageSize=3>; rel="first".*rel="last"/, kind);
    const conditions = { 'if-none-match': String(first.headers['etag']) };
    const again = () =>
      owner.send({ method: 'GET', path: `${path}?pageSize=3&page=2`, headers: conditions });
    t.equal((await again()).status, 304, kind);
    const seen: string[] = [];
    let cursor = 'start';
    for (let part = 0; part < 4 && cursor !== ''; part += 1) {
      const { json } = await owner.get(`${path}?pageSize=3&cursor=${cursor}`);
      const items: unknown = pick(json, kind);
      seen.push(...(Array.isArray(items) ? items.map((item) => pickString(item, 'name')) : []));
      if (part === 0) await touch[kind]();
      const next: unknown = pick(json, 'nextCursor');
      cursor = typeof next === 'string' ? next : '';
    }
    t.same(
      seen.filter((name) => name !== 'late'),
      names,
      `${kind}: nothing missed or doubled`,
    );
    t.equal((await again()).status, 200, `${kind} changed`);
    const other = await makeLab();
    const { json } = await owner.get(`${path}?pageSize=3&cursor=start`);
    const foreign = pickString(json, 'nextCursor');
    isProblem(t, await owner.get(`${other.path}/${kind}?cursor=${foreign}`), 'validation_failed');
    isProblem(t, await owner.get(`${path}?cursor=${foreign}&q=x`), 'validation_failed');
  }
});

const long = (length: number) => 'x'.repeat(length);

test('what is not valid is 400 and named, and nothing is made', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const { id: folderId } = await lab.folder('/f');
  await lab.episode('run');
  const { id: assetId } = await lab.asset('/file');
  const before = await lab.contents();
  const badPaths = [
    '',
    'a',
    'a/b',
    '/',
    '//',
    '/a/',
    '/a//b',
    '/.',
    '/..',
    '/a/../b',
    '/a/./b',
    '/ ',
    '/\u200b',
    '/a\u0000',
    '/a\u0007',
    '/a\u202eb',
    '/\ud800',
    `/${long(101)}`,
    '/a'.repeat(17),
    null,
    1,
    ['/a'],
    `/${long(100)}`.repeat(10),
  ];
  const badNames = [
    '.',
    '..',
    ' .. ',
    '',
    ' ',
    'a/b',
    '/',
    '\u200b',
    'a\u0000',
    'a\nb',
    'a\u2067b',
    long(201),
    null,
    1,
  ];
  const badUris = [
    '',
    'a',
    '/a/b',
    's3:',
    's3:/bucket/key',
    's3://',
    '//host/a',
    'http://host/a',
    'ftp://host/a',
    'javascript:alert(1)',
    'data:text/plain,a',
    'https://',
    'https:host',
    'https://user@host/a',
    'https://user:secret@host/a',
    's3://key:secret@bucket/a',
    'https://host/a b',
    'https://host/\ta',
    'file:a',
    'file://',
    'urn:',
    'urn:a',
    'urn::b',
    `https://host/${long(2000)}`,
    's3://b/\u0000',
    null,
    5,
  ];
  const asset = { ...anyAsset, path: '/new' };
  const bodies: [method: 'POST' | 'PATCH', path: string, body: unknown, field: string][] = [
    ...badPaths.flatMap((path): typeof bodies => [
      ['POST', 'folders', { path }, '/path'],
      ['PATCH', `folders/${folderId}`, { path }, '/path'],
      ['POST', 'assets', { ...asset, path }, '/path'],
      ['PATCH', `assets/${assetId}`, { path }, '/path'],
      ...(path === '/' || path === '/ '
        ? []
        : ([['POST', 'episodes', { name: 'e', folder: path }, '/folder']] as typeof bodies)),
    ]),
    ...badNames.flatMap((name): typeof bodies => [
      ['POST', 'episodes', { name }, '/name'],
      ['PATCH', 'episodes/run', { name }, '/name'],
    ]),
    ...badUris.flatMap((uri): typeof bodies => [
      ['POST', 'assets', { ...asset, uri }, '/uri'],
      ['PATCH', `assets/${assetId}`, { uri }, '/uri'],
    ]),
    ...['', 'Video', '1a', '-a', 'a_b', 'ä', long(33), null, 3].map(
      (kind): (typeof bodies)[number] => ['POST', 'assets', { ...asset, kind }, '/kind'],
    ),
    ...[
      '',
      DIGEST_OF_NOTHING.slice(7),
      'sha256:',
      'sha1:abc',
      `${DIGEST_OF_NOTHING}0`,
      'sha256:' + 'g'.repeat(64),
      7,
    ].map((checksum): (typeof bodies)[number] => [
      'POST',
      'assets',
      { ...asset, checksum },
      '/checksum',
    ]),
    ...[-1, 1.5, '5', 2 ** 53, 1e300, true].map((sizeBytes): (typeof bodies)[number] => [
      'POST',
      'assets',
      { ...asset, sizeBytes },
      '/sizeBytes',
    ]),
    ...['', 'video', 'video/', '/mp4', 'a b/c', `text/${long(255)}`, 'text/ä', 5].map(
      (contentType): (typeof bodies)[number] => [
        'POST',
        'assets',
        { ...asset, contentType },
        '/contentType',
      ],
    ),
    ...['', 'done', 'Running', null, 1].map((status): (typeof bodies)[number] => [
      'POST',
      'episodes',
      { name: 'e', status },
      '/status',
    ]),
    ...['true', 1, null].map((writeProtected): (typeof bodies)[number] => [
      'POST',
      'episodes',
      { name: 'e', writeProtected },
      '/writeProtected',
    ]),
    ['POST', 'episodes/run/restore', { slug: 'a' }, '/slug'],
    ['POST', `assets/${assetId}/restore`, { path: '/a' }, '/path'],
    ['POST', 'episodes', {}, '/name'],
    ['POST', 'episodes', { name: 'e', slug: 'e' }, '/slug'],
    ['POST', 'episodes', { name: 'e', id: folderId }, '/id'],
    ['POST', 'episodes', { name: 'e', folder: null }, '/folder'],
    ['POST', 'episodes', { name: 'e', tags: ['a', ' a '] }, '/tags'],
    ['POST', 'episodes', { name: 'e', description: long(5001) }, '/description'],
    ['POST', 'episodes', { name: 'e', metadata: [] }, '/metadata'],
    ['POST', 'folders', {}, '/path'],
    ['POST', 'folders', { path: '/a', name: 'a' }, '/name'],
    ['POST', 'folders', { path: '/a', metadata: { big: long(17_000) } }, '/metadata'],
    ['POST', 'assets', { path: '/a', kind: 'file' }, '/uri'],
    ['POST', 'assets', { path: '/a', uri: 'urn:a:b' }, '/kind'],
    ['POST', 'assets', { ...asset, episode: '' }, '/episode'],
    ['POST', 'assets/batch', { assets: [asset, { ...asset, uri: 'a' }] }, '/assets/1/uri'],
    ['POST', 'assets/batch', { assets: {} }, '/assets'],
  ];
  for (const [method, path, body, field] of bodies) {
    const answer = await owner.send({ method, path: `${lab.path}/${path}`, body });
    assertProblem(t, answer, INVALID, `${method} ${path} ${JSON.stringify(body).slice(0, 80)}`, [
      field,
    ]);
  }
  const queries = [
    ['folders', 'parent=a', '/parent'],
    ['folders', 'parent=/a/', '/parent'],
    ['folders', 'recursive=1', '/recursive'],
    ['folders', 'recursive=', '/recursive'],
    ['folders', 'sort=path', '/sort'],
    ['folders', 'page=0', '/page'],
    ['folders', 'parent=/a&parent=/b', '/parent'],
    ['episodes', 'folder=a', '/folder'],
    ['episodes', 'status=done', '/status/0'],
    ['episodes', 'sort=slug', '/sort'],
    ['episodes', 'recursive=yes', '/recursive'],
    ['episodes', 'pageSize=-1', '/pageSize'],
    ['episodes', 'slug=a', '/slug'],
    ['assets', 'prefix=a', '/prefix'],
    ['assets', 'kind=A', '/kind/0'],
    ['assets', 'checksum=abc', '/checksum'],
    ['assets', 'episode=', '/episode'],
    ['assets', 'state=gone', '/state'],
    ['assets', 'metadata=[]', '/metadata'],
  ] as const;
  for (const [kind, query, field] of queries) {
    const answer = await owner.get(`${lab.path}/${kind}?${query}`);
    assertProblem(t, answer, INVALID, `${kind}?${query}`, [field]);
  }
  t.same(await lab.contents(), before);
});

const DIGEST_OF_NOTHING = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

test('the longest paths and names are kept, listed, walked and restored', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  // The most bytes that a path can have, none of them like another.
  const segment = (seed: number) =>
    Array.from({ length: 61 }, (_, index) =>
      String.fromCodePoint(0x20000 + seed * 61 + index),
    ).join('');
  const path = Array.from({ length: 16 }, (_, index) => `/${segment(index)}`).join('');
  t.equal(Array.from(path).length, 992);
  const folder = await lab.folder(path);
  await lab.episode(segment(0), { folder: path });
  const file = `${path.slice(0, path.lastIndexOf('/'))}/${'z'.repeat(61)}`;
  const asset = await lab.asset(file);
  const inside = await lab.asset(path, { episode: segment(0) });
  t.equal((await lab.folders('?recursive=true')).total, 16);
  const parts = await owner.get(`${lab.path}/folders?recursive=true&pageSize=10&cursor=start`);
  const next = pickString(parts.json, 'nextCursor');
  t.equal((await owner.get(`${lab.path}/folders?recursive=true&cursor=${next}`)).status, 200);
  t.equal((await lab.episodes(`?folder=${encodeURIComponent(path)}`)).total, 1);
  for (const { id, path: at } of [asset, inside]) {
    t.equal((await lab.assets(`?prefix=${encodeURIComponent(at)}`)).total, 1);
    await owner.delete(`${lab.path}/assets/${id}`);
    t.equal((await owner.post(`${lab.path}/assets/${id}/restore`)).status, 200);
  }
  isProblem(t, await owner.post(`${lab.path}/folders`, { path }), 'path_conflict');
  isProblem(t, await owner.delete(`${lab.path}/folders/${folder.id}`), 'folder_not_empty');
});
