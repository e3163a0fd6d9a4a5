import t, { test } from 'tap';
import { pick } from '../../helpers/json.js';
import { assertRedirect, follow, rename } from '../../helpers/redirects.js';
import { assertProblem, NO_NAMESPACE, NO_SPACE, startSpaces } from '../../helpers/spaces.js';

const { service, owner, makeNamespace } = await startSpaces(t);

const nouns = ['spaces', 'projects'] as const;

test('a read of a space by a former slug redirects to the current one, under the same noun', async (t) => {
  const { path, spaces, create } = await makeNamespace();
  const { id } = await create({ name: 'Lab' });
  await rename(t, owner, `${spaces}/lab`, 'workshop');
  for (const noun of nouns) {
    assertRedirect(t, await owner.get(`${path}/${noun}/lab`), `${path}/${noun}/workshop`);
    assertRedirect(
      t,
      await owner.send({ method: 'HEAD', path: `${path}/${noun}/lab?a=1&b=%2F?` }),
      `${path}/${noun}/workshop?a=1&b=%2F?`,
    );
    t.equal(pick((await follow(owner, `${path}/${noun}/lab`)).json, 'id'), id, noun);
  }
});

test('a read of a namespace, or within it, by its former slug redirects to the current one', async (t) => {
  const { path, slug, create } = await makeNamespace();
  await create({ name: 'Lab' });
  await rename(t, owner, path, `${slug}-now`);
  const rests = [
    '',
    '/members',
    '/members?pageSize=1',
    ...nouns.flatMap((noun) => [
      `/${noun}`,
      `/${noun}?page=2&pageSize=7&tag=a%26b`,
      `/${noun}/lab`,
      `/${noun}/Not%20a%20sl%C3%BCg%2F`,
    ]),
  ];
  for (const rest of rests) {
    for (const method of ['GET', 'HEAD'] as const) {
      assertRedirect(t, await owner.send({ method, path: path + rest }), `${path}-now${rest}`);
    }
  }
  assertProblem(
    t,
    await owner.get(`${path}/spaces?page=0`),
    [400, 'validation_failed'],
    '400 comes first',
    ['/page'],
  );
});

test('a renamed space in a renamed namespace is reached by two redirects', async (t) => {
  const { path, slug, spaces, create } = await makeNamespace();
  const { id } = await create({ name: 'Lab' });
  await rename(t, owner, `${spaces}/lab`, 'workshop');
  await rename(t, owner, path, `${slug}-now`);
  assertRedirect(t, await owner.get(`${path}/projects/lab`), `${path}-now/projects/lab`);
  assertRedirect(t, await owner.get(`${path}-now/projects/lab`), `${path}-now/projects/workshop`);
  t.equal(pick((await follow(owner, `${path}/projects/lab`)).json, 'id'), id);
});

test('every former slug redirects to the current one after several renames', async (t) => {
  const { path, slug, spaces, create } = await makeNamespace();
  await create({ name: 'A' });
  for (const next of ['b', 'c', 'a', 'b', 'd']) {
    const list = (await owner.get(`${spaces}?pageSize=1`)).json;
    await rename(t, owner, `${spaces}/${String(pick(list, 'spaces', 0, 'slug'))}`, next);
    t.equal((await owner.get(`${spaces}/${next}`)).status, 200, next);
  }
  for (const former of ['a', 'b', 'c']) {
    assertRedirect(t, await owner.get(`${spaces}/${former}`), `${spaces}/d`);
  }

  let current = slug;
  for (const next of ['b', 'c', 'a', 'b', 'd'].map((each) => `${slug}-${each}`)) {
    await rename(t, owner, `/namespaces/${current}`, next);
    t.equal((await owner.get(`/namespaces/${next}`)).status, 200, next);
    current = next;
  }
  for (const former of ['', '-a', '-b', '-c']) {
    assertRedirect(t, await owner.get(path + former), `${path}-d`);
  }
});

test('an unchanged slug and a rejected one add no redirect', async (t) => {
  const { path, slug, spaces, create, details } = await makeNamespace();
  for (const name of ['Lab', 'Taken']) await create({ name });
  await owner.patch(`${spaces}/lab`, { slug: 'lab', name: 'Same' });
  await owner.patch(`${spaces}/lab`, { slug: 'taken' });
  await owner.patch(path, { slug });
  await owner.send({
    method: 'PATCH',
    path: `${spaces}/lab`,
    body: { slug: 'other' },
    headers: { 'if-match': '"stale"' },
  });
  t.equal((await details('lab')).name, 'Same');
  assertProblem(t, await owner.get(`${spaces}/other`), NO_SPACE, 'other');
  const rows = await service.db.$client`
    select from former_space_slugs where namespace_id = (select id from namespaces where slug = ${slug})`;
  t.equal(rows.length, 0);
});

test('no slug redirects to a deleted resource, until it is restored', async (t) => {
  const { path, slug, spaces, create } = await makeNamespace();
  await create({ name: 'Lab' });
  await rename(t, owner, `${spaces}/lab`, 'workshop');
  await owner.delete(`${spaces}/workshop`);
  for (const former of ['lab', 'workshop']) {
    assertProblem(t, await owner.get(`${spaces}/${former}`), NO_SPACE, former);
  }
  await owner.post(`${spaces}/workshop/restore`);
  assertRedirect(t, await owner.get(`${spaces}/lab`), `${spaces}/workshop`);

  await rename(t, owner, path, `${slug}-now`);
  await owner.delete(`${path}-now`);
  for (const former of [path, `${path}/spaces/lab`, `${path}-now`]) {
    assertProblem(t, await owner.get(former), NO_NAMESPACE, former);
  }
  await owner.post(`${path}-now/restore`);
  assertRedirect(t, await owner.get(path), `${path}-now`);
});

test('a write by a former slug is 404, and names the current one', async (t) => {
  const { path, slug, spaces, create } = await makeNamespace();
  await create({ name: 'Lab' });
  await rename(t, owner, `${spaces}/lab`, 'workshop');
  const lab = `${spaces}/lab`;
  const merged = { metadata: { a: 1 } };
  const writes = (of: string) => [
    owner.patch(of, { name: 'x' }),
    owner.patch(of, {}),
    owner.mergePatch(of, merged),
    owner.delete(of),
    owner.post(`${of}/restore`),
    owner.send({ method: 'DELETE', path: of, headers: { 'if-match': '"x"' } }),
  ];
  for (const [index, answer] of (await Promise.all(writes(lab))).entries()) {
    const title = `write ${index} of a space`;
    assertProblem(t, answer, NO_SPACE, title);
    t.match(answer.json, { detail: /"workshop"/ }, title);
    t.equal(answer.headers.location, undefined, title);
  }
  await rename(t, owner, path, `${slug}-now`);
  const within = [
    owner.post(spaces, { name: 'New' }),
    owner.post(`${spaces}/batch`, { spaces: [{ name: 'New' }] }),
    owner.put(`${spaces}/new`, { name: 'New' }),
    owner.put(`${path}/members/mia`, { role: 'viewer' }),
    owner.delete(`${path}/members/mia`),
  ];
  const answers = await Promise.all([...writes(path), ...writes(lab), ...within]);
  for (const [index, answer] of answers.entries()) {
    const title = `write ${index} within a namespace`;
    assertProblem(t, answer, NO_NAMESPACE, title);
    t.match(answer.json, { detail: new RegExp(`"${slug}-now"`) }, title);
  }
  t.match(
    (await owner.get(`${path}-now/spaces/workshop`)).json,
    { version: 2 },
    'no write took effect',
  );
});

test('only a member or an admin token with the scope to read is redirected', async (t) => {
  const { path, slug, spaces, create } = await makeNamespace();
  await create({ name: 'Lab' });
  await owner.put(`${path}/members/vic`, { role: 'viewer' });
  await rename(t, owner, `${spaces}/lab`, 'workshop');
  await rename(t, owner, path, `${slug}-now`);
  const [stranger, viewer] = [await service.as('stranger'), await service.as('vic')];
  const admin = await service.as('trusted-service', 'admin');
  for (const rest of ['', '/spaces', '/members', '/spaces/lab']) {
    const never = await stranger.get(`/namespaces/never${rest}`);
    const answer = await stranger.get(path + rest);
    t.equal(answer.text, never.text.replaceAll('never', slug), rest);
    assertProblem(t, await stranger.get(`${path}-now${rest}`), NO_NAMESPACE, rest);
    for (const member of [viewer, admin])
      assertRedirect(t, await member.get(path + rest), `${path}-now${rest}`);
  }
  for (const member of [viewer, admin]) {
    assertRedirect(t, await member.get(`${path}-now/spaces/lab`), `${path}-now/spaces/workshop`);
  }
  assertProblem(
    t,
    await viewer.patch(`${path}-now/spaces/lab`, {}),
    [403, 'insufficient_role'],
    'role',
  );
  const narrow = await service.as('vic', 'namespaces:read');
  assertProblem(t, await narrow.get(spaces), [403, 'insufficient_scope'], 'scope');

  await owner.delete(`${path}-now/members/vic`);
  assertProblem(t, await viewer.get(path), NO_NAMESPACE, 'a former member');
});

test('namespaces do not share the former slugs of their spaces', async (t) => {
  const [one, two] = [await makeNamespace(), await makeNamespace()];
  for (const { create } of [one, two]) await create({ name: 'Lab' });
  await rename(t, owner, `${one.spaces}/lab`, 'workshop');
  await owner.delete(`${two.spaces}/lab`);
  assertRedirect(t, await owner.get(`${one.spaces}/lab`), `${one.spaces}/workshop`);
  assertProblem(t, await owner.get(`${two.spaces}/lab`), NO_SPACE, 'the other namespace');
});

test('a request with an absolute URL is redirected to a path', async (t) => {
  const { path, slug } = await makeNamespace();
  await rename(t, owner, path, `${slug}-now`);
  assertRedirect(t, await owner.get(`http://example.com${path}?a=1`), `${path}-now?a=1`);
});
