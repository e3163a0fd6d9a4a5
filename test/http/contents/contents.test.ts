/** Rules that hold for folders, episodes and assets. */
import { test } from 'tap';
import { type Lab, startLabs } from '../../helpers/contents.js';
import { pick, pickString } from '../../helpers/json.js';
import { isOpenApi } from '../../helpers/openapi.js';
import { isProblem } from '../../helpers/problem.js';

test('the calls of the existing client create the space and the episode once', async (t) => {
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
  isProblem(
    t,
    await owner.post('/namespaces/acme/projects', { name: 'robotics' }),
    'slug_conflict',
  );
});

test('every path below a space answers the same methods under both nouns', async (t) => {
  const { service } = await startLabs(t);
  const { json } = await service.send({ method: 'GET', path: '/openapi.json' });
  if (!isOpenApi(json)) throw new Error('not an OpenAPI document');
  const paths = Object.keys(json.paths).filter((path) => path.includes('{projectSlug}/'));
  t.equal(paths.length, 11);
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

test('the contents of a deleted space or namespace are 404, until its restore', async (t) => {
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
    t.same(await texts(), before, holder);
  }
  t.same(await lab.contents(), { folders: 2, episodes: 1, assets: 1 });
});

test('a renamed space keeps its contents, and reads by its old slug redirect', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const paths = await fill(lab);
  await owner.patch(lab.path, { slug: 'renamed' });
  const moved = '/namespaces/acme/projects/renamed';
  for (const path of paths) {
    const answer = await owner.get(path);
    t.equal(answer.status, 308, path);
    t.equal(answer.headers['location'], path.replace(lab.path, moved), path);
    t.equal((await owner.get(path.replace(lab.path, moved))).status, 200, path);
  }
  isProblem(t, await owner.post(`${lab.path}/episodes`, { name: 'run' }), 'space_not_found');
  // A new space with the old slug has no contents.
  await owner.post('/namespaces/acme/spaces', { name: 'New', slug: lab.path.split('/').at(-1) });
  t.equal((await lab.episodes()).total, 0);
});

test('an item is 404 in another space, and an equal name there is another item', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const [one, two] = [await makeLab(), await makeLab()];
  const paths = (await fill(one)).slice(0, 3);
  await two.episode('run', { folder: '/a/b', description: 'another' });
  for (const path of paths) {
    const elsewhere = path.replace(one.path, two.path);
    const answer = await owner.get(elsewhere);
    if (path.endsWith('/episodes/run')) t.match(answer.json, { description: 'another' }, path);
    else t.equal(answer.status, 404, elsewhere);
    if (answer.status === 404) {
      for (const send of [
        () => owner.patch(elsewhere, { metadata: {} }),
        () => owner.delete(elsewhere),
      ]) {
        t.equal((await send()).status, 404, elsewhere);
      }
    }
  }
  t.same(await one.contents(), { folders: 2, episodes: 1, assets: 1 });
  t.same(await two.contents(), { folders: 2, episodes: 1, assets: 0 });
});

test('a space returns the numbers of its contents, and its ETag changes with them', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const tags = new Set<unknown>();
  const readTag = async () => {
    const { headers } = await owner.get(lab.path);
    tags.add(headers['etag']);
    return String(headers['etag']);
  };
  await readTag();
  await lab.folder('/a');
  await readTag();
  await lab.episode('run');
  const tag = await readTag();
  await lab.asset('/file');
  await readTag();
  t.equal(tags.size, 4);
  const ifMatch = (method: 'PATCH' | 'GET', body?: object) =>
    owner.send({ method, path: lab.path, headers: { 'if-match': tag }, ...(body && { body }) });
  isProblem(t, await ifMatch('GET'), 'precondition_failed', 'the tag of another representation');
  const patched = await ifMatch('PATCH', { description: 'D' });
  t.equal(patched.status, 200, 'new contents do not make it fail');
  t.equal(patched.headers['etag'], await readTag());
});

test('lists of contents have numbered pages with an ETag and links, and cursors of their own', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const names = Array.from({ length: 7 }, (_, index) => `n${index}`);
  for (const name of names) {
    await lab.folder(`/${name}`);
    await lab.episode(name);
    await lab.asset(`/${name}`);
  }
  const addOne = {
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
    for (let index = 0; index < 4 && cursor !== ''; index += 1) {
      const { json } = await owner.get(`${path}?pageSize=3&cursor=${cursor}`);
      const items: unknown = pick(json, kind);
      seen.push(...(Array.isArray(items) ? items.map((item) => pickString(item, 'name')) : []));
      if (index === 0) await addOne[kind]();
      const next: unknown = pick(json, 'nextCursor');
      cursor = typeof next === 'string' ? next : '';
    }
    t.same(
      seen.filter((name) => name !== 'late'),
      names,
      `${kind}: each item once`,
    );
    t.equal((await again()).status, 200, `${kind} changed`);
    const other = await makeLab();
    const { json } = await owner.get(`${path}?pageSize=3&cursor=start`);
    const foreign = pickString(json, 'nextCursor');
    isProblem(t, await owner.get(`${other.path}/${kind}?cursor=${foreign}`), 'validation_failed');
    isProblem(t, await owner.get(`${path}?cursor=${foreign}&q=x`), 'validation_failed');
  }
});

test('a cursor belongs to the space itself, not to its slug', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const [lab, other] = [await makeLab(), await makeLab()];
  for (const name of ['a', 'b', 'c']) {
    for (const { folder, episode, asset } of [lab, other]) {
      await folder(`/${name}`);
      await episode(name);
      await asset(`/${name}`);
    }
  }
  await owner.put('/namespaces/acme/members/zoe', { role: 'viewer' });
  const kinds = ['folders', 'episodes', 'assets'];
  const lists = [
    ...kinds.map((kind) => `${lab.path}/${kind}`),
    '/namespaces/acme/spaces',
    '/namespaces/acme/members',
  ];
  const nextOf = new Map<string, string>();
  const bodies = new Map<string, string>();
  for (const list of lists) {
    const { json } = await owner.get(`${list}?pageSize=1&cursor=start`);
    const next = `${list}?pageSize=1&cursor=${pickString(json, 'nextCursor')}`;
    nextOf.set(list, next);
    // The list of spaces shows the slug that is changed below.
    if (!list.endsWith('/spaces')) bodies.set(list, (await owner.get(next)).text);
  }
  const isContinued = async (name: string) => {
    for (const [list, next] of nextOf) {
      let answer = await owner.get(next);
      for (let hop = 0; answer.status === 308 && hop < 2; hop += 1) {
        answer = await owner.get(String(answer.headers['location']));
      }
      t.equal(answer.status, 200, `${name}: ${list}`);
      const body = bodies.get(list);
      if (body !== undefined) t.equal(answer.text, body, `${name}: ${list}`);
    }
  };
  await owner.patch(lab.path, { slug: 'renamed' });
  await isContinued('the space was renamed');
  await owner.patch('/namespaces/acme', { slug: 'emca' });
  await isContinued('the namespace was renamed');
  await owner.patch('/namespaces/emca', { slug: 'acme' });

  // Another space has the slug of a deleted one.
  const slug = other.path.split('/').at(-1);
  const cursors: [string, string][] = [];
  for (const kind of kinds) {
    const { json } = await owner.get(`${other.path}/${kind}?pageSize=1&cursor=start`);
    cursors.push([kind, pickString(json, 'nextCursor')]);
  }
  await owner.delete(other.path);
  await owner.post('/namespaces/acme/spaces', { name: 'Another', slug });
  await other.episode('c');
  for (const [kind, cursor] of cursors) {
    const answer = await owner.get(`${other.path}/${kind}?pageSize=1&cursor=${cursor}`);
    isProblem(t, answer, 'validation_failed', `the space was replaced: ${kind}`);
  }
});

test('the longest paths and names are stored, listed, traversed and restored', async (t) => {
  const { owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  // Letters of four bytes, none of them repeated: a path has at most 1,000 characters.
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
  const page = await owner.get(`${lab.path}/folders?recursive=true&pageSize=10&cursor=start`);
  const next = pickString(page.json, 'nextCursor');
  t.equal((await owner.get(`${lab.path}/folders?recursive=true&cursor=${next}`)).status, 200);
  t.equal((await lab.episodes(`?folder=${encodeURIComponent(path)}`)).total, 1);
  for (const { id, path: at } of [asset, inside]) {
    t.equal((await lab.assets(`?prefix=${encodeURIComponent(at)}`)).total, 1, at);
    await owner.delete(`${lab.path}/assets/${id}`);
    t.equal((await owner.post(`${lab.path}/assets/${id}/restore`)).status, 200, at);
  }
  isProblem(t, await owner.post(`${lab.path}/folders`, { path }), 'path_conflict');
  isProblem(t, await owner.delete(`${lab.path}/folders/${folder.id}`), 'folder_not_empty');
});
