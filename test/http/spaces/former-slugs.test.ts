import t, { test } from 'tap';
import { type Answer, type Client, startService } from '../../helpers/app.js';
import { pick } from '../../helpers/json.js';
import { assertProblem, NO_NAMESPACE, NO_SPACE, startSpaces } from '../../helpers/spaces.js';

const { service, owner, makeNamespace } = await startSpaces(t);

const nouns = ['spaces', 'projects'] as const;

/** Asserts that an answer leads on, by a path and nothing else. */
function leadsTo(answer: Answer, location: string, title = location): void {
  t.equal(answer.status, 308, `${title}: 308`);
  t.equal(answer.headers.location, location, `${title}: Location`);
  t.equal(answer.text, '', `${title}: no body`);
  t.equal(answer.headers['cache-control'], 'private, no-cache', `${title}: not for good`);
}

/** Where a client that follows redirects ends. */
async function follow(client: Client, path: string): Promise<Answer> {
  const answer = await client.get(path);
  return answer.status === 308 ? follow(client, String(answer.headers.location)) : answer;
}

const rename = async (path: string, slug: string) => {
  t.equal((await owner.patch(path, { slug })).status, 200, `${path} becomes ${slug}`);
};

test('a read of a space by the slug that it had before leads to the present one, by the same noun', async (t) => {
  const { path, spaces, create } = await makeNamespace();
  const { id } = await create({ name: 'Lab' });
  await rename(`${spaces}/lab`, 'workshop');
  for (const noun of nouns) {
    leadsTo(await owner.get(`${path}/${noun}/lab`), `${path}/${noun}/workshop`);
    leadsTo(
      await owner.send({ method: 'HEAD', path: `${path}/${noun}/lab?a=1&b=%2F?` }),
      `${path}/${noun}/workshop?a=1&b=%2F?`,
    );
    t.equal(pick((await follow(owner, `${path}/${noun}/lab`)).json, 'id'), id);
  }
});

test('a read within a namespace by the slug that it had before leads to the present one', async (t) => {
  const { path, slug, create } = await makeNamespace();
  await create({ name: 'Lab' });
  await rename(path, `${slug}-now`);
  const behind = [
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
  for (const rest of behind) {
    for (const method of ['GET', 'HEAD'] as const) {
      leadsTo(await owner.send({ method, path: path + rest }), `${path}-now${rest}`);
    }
  }
  assertProblem(t, await owner.get(`${path}/spaces?page=0`), [400, 'validation_failed'], 'first', [
    '/page',
  ]);
});

test('where both have another slug now, one redirect leads to the next', async (t) => {
  const { path, slug, spaces, create } = await makeNamespace();
  const { id } = await create({ name: 'Lab' });
  await rename(`${spaces}/lab`, 'workshop');
  await rename(path, `${slug}-now`);
  leadsTo(await owner.get(`${path}/projects/lab`), `${path}-now/projects/lab`);
  leadsTo(await owner.get(`${path}-now/projects/lab`), `${path}-now/projects/workshop`);
  t.equal(pick((await follow(owner, `${path}/projects/lab`)).json, 'id'), id);
});

test('every slug that one had leads to the present one, there and back again', async (t) => {
  const { path, slug, spaces, create } = await makeNamespace();
  await create({ name: 'A' });
  for (const next of ['b', 'c', 'a', 'b', 'd']) {
    const present = (await owner.get(`${spaces}?pageSize=1`)).json;
    await rename(`${spaces}/${String(pick(present, 'spaces', 0, 'slug'))}`, next);
    t.equal((await owner.get(`${spaces}/${next}`)).status, 200);
  }
  for (const former of ['a', 'b', 'c']) {
    leadsTo(await owner.get(`${spaces}/${former}`), `${spaces}/d`);
  }

  let present = slug;
  for (const next of ['b', 'c', 'a', 'b', 'd'].map((each) => `${slug}-${each}`)) {
    await rename(`/namespaces/${present}`, next);
    t.equal((await owner.get(`/namespaces/${next}`)).status, 200);
    present = next;
  }
  for (const former of ['', '-a', '-b', '-c']) {
    leadsTo(await owner.get(path + former), `${path}-d`);
  }
});

test('a slug that did not change, and one that was refused, lead nowhere', async (t) => {
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

/** What takes the slug `lab`, by whom it is taken then. */
const takers: Record<string, (spaces: string) => Promise<Answer>> = {
  create: (spaces) => owner.post(spaces, { name: 'Lab' }),
  ensure: (spaces) => owner.put(`${spaces}/lab`, { name: 'Lab' }),
  batch: (spaces) => owner.post(`${spaces}/batch`, { spaces: [{ name: 'Lab' }] }),
  rename: async (spaces) => {
    await owner.post(spaces, { name: 'Another' });
    return owner.patch(`${spaces}/another`, { slug: 'lab' });
  },
  restore: (spaces) => owner.post(`${spaces}/lab/restore`),
};

test('who takes the slug of a space ends the redirect for good', async (t) => {
  for (const [title, take] of Object.entries(takers)) {
    const { spaces, create } = await makeNamespace();
    await create({ name: 'Lab' });
    await owner.delete(`${spaces}/lab`);
    await create({ name: 'Lab' });
    await rename(`${spaces}/lab`, 'workshop');
    leadsTo(await owner.get(`${spaces}/lab`), `${spaces}/workshop`, title);
    t.ok((await take(spaces)).status < 300, title);
    t.match((await owner.get(`${spaces}/lab`)).json, { slug: 'lab' });

    await owner.delete(`${spaces}/lab`);
    assertProblem(t, await owner.get(`${spaces}/lab`), NO_SPACE, `${title}, then deleted`);
    t.equal((await owner.post(`${spaces}/lab/restore`)).status, 200);
    await rename(`${spaces}/lab`, 'elsewhere');
    leadsTo(await owner.get(`${spaces}/lab`), `${spaces}/elsewhere`, `${title}, then renamed`);
    t.equal((await owner.get(`${spaces}/workshop`)).status, 200);
  }
});

test('who takes the slug of a namespace ends the redirect for good', async (t) => {
  for (const title of ['create', 'rename', 'restore']) {
    const { path, slug } = await makeNamespace();
    if (title === 'restore') {
      await owner.delete(path);
      await owner.post('/namespaces', { slug });
    }
    await rename(path, `${slug}-now`);
    leadsTo(await owner.get(path), `${path}-now`, title);
    if (title === 'create') await owner.post('/namespaces', { slug });
    if (title === 'rename') await rename((await makeNamespace()).path, slug);
    if (title === 'restore') await owner.post(`${path}/restore`);
    t.match((await owner.get(path)).json, { slug });

    await owner.delete(path);
    assertProblem(t, await owner.get(path), NO_NAMESPACE, `${title}, then deleted`);
    await owner.post(`${path}/restore`);
    await rename(path, `${slug}-elsewhere`);
    leadsTo(await owner.get(path), `${path}-elsewhere`, `${title}, then renamed`);
  }
});

test('what is deleted is led to by none of its slugs, until it is restored', async (t) => {
  const { path, slug, spaces, create } = await makeNamespace();
  await create({ name: 'Lab' });
  await rename(`${spaces}/lab`, 'workshop');
  await owner.delete(`${spaces}/workshop`);
  for (const former of ['lab', 'workshop']) {
    assertProblem(t, await owner.get(`${spaces}/${former}`), NO_SPACE, former);
  }
  await owner.post(`${spaces}/workshop/restore`);
  leadsTo(await owner.get(`${spaces}/lab`), `${spaces}/workshop`);

  await rename(path, `${slug}-now`);
  await owner.delete(`${path}-now`);
  for (const former of [path, `${path}/spaces/lab`, `${path}-now`]) {
    assertProblem(t, await owner.get(former), NO_NAMESPACE, former);
  }
  await owner.post(`${path}-now/restore`);
  leadsTo(await owner.get(path), `${path}-now`);
});

test('a write by a slug that was given up is 404, and names the present one', async (t) => {
  const { path, slug, spaces, create } = await makeNamespace();
  await create({ name: 'Lab' });
  await rename(`${spaces}/lab`, 'workshop');
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
  for (const answer of await Promise.all(writes(lab))) {
    assertProblem(t, answer, NO_SPACE, 'space');
    t.match(answer.json, { detail: /"workshop"/ });
    t.equal(answer.headers.location, undefined);
  }
  await rename(path, `${slug}-now`);
  const within = [
    owner.post(spaces, { name: 'New' }),
    owner.post(`${spaces}/batch`, { spaces: [{ name: 'New' }] }),
    owner.put(`${spaces}/new`, { name: 'New' }),
    owner.put(`${path}/members/mia`, { role: 'viewer' }),
    owner.delete(`${path}/members/mia`),
  ];
  for (const answer of await Promise.all([...writes(path), ...writes(lab), ...within])) {
    assertProblem(t, answer, NO_NAMESPACE, 'namespace');
    t.match(answer.json, { detail: new RegExp(`"${slug}-now"`) });
  }
  t.match((await owner.get(`${path}-now/spaces/workshop`)).json, { version: 2 }, 'none was done');
});

test('only members are led on, by a token that may read', async (t) => {
  const { path, slug, spaces, create } = await makeNamespace();
  await create({ name: 'Lab' });
  await owner.put(`${path}/members/vic`, { role: 'viewer' });
  await rename(`${spaces}/lab`, 'workshop');
  await rename(path, `${slug}-now`);
  const [stranger, viewer] = [await service.as('stranger'), await service.as('vic')];
  const admin = await service.as('trusted-service', 'admin');
  for (const rest of ['', '/spaces', '/members', '/spaces/lab']) {
    const never = await stranger.get(`/namespaces/never${rest}`);
    const answer = await stranger.get(path + rest);
    t.equal(answer.text, never.text.replaceAll('never', slug), rest);
    assertProblem(t, await stranger.get(`${path}-now${rest}`), NO_NAMESPACE, rest);
    for (const member of [viewer, admin])
      leadsTo(await member.get(path + rest), `${path}-now${rest}`);
  }
  for (const member of [viewer, admin]) {
    leadsTo(await member.get(`${path}-now/spaces/lab`), `${path}-now/spaces/workshop`);
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
  assertProblem(t, await viewer.get(path), NO_NAMESPACE, 'who left');
});

test('a slug that a stranger has taken leads its former members nowhere', async (t) => {
  const { path, slug } = await makeNamespace();
  await rename(path, `${slug}-now`);
  const { databaseUrl } = service;
  const unheld = await startService(t, { databaseUrl, slugHoldDays: 0 });
  const stranger = await unheld.as('stranger');
  t.equal((await stranger.post('/namespaces', { slug })).status, 201);
  assertProblem(t, await owner.get(path), NO_NAMESPACE, 'another has it');
  await stranger.delete(path);
  assertProblem(t, await owner.get(path), NO_NAMESPACE, 'another had it');
});

test('namespaces do not share what their spaces were called', async (t) => {
  const [one, two] = [await makeNamespace(), await makeNamespace()];
  for (const { create } of [one, two]) await create({ name: 'Lab' });
  await rename(`${one.spaces}/lab`, 'workshop');
  await owner.delete(`${two.spaces}/lab`);
  leadsTo(await owner.get(`${one.spaces}/lab`), `${one.spaces}/workshop`);
  assertProblem(t, await owner.get(`${two.spaces}/lab`), NO_SPACE, 'the other');
});

test('who takes a slug in the moment it is given up ends the redirect too', async (t) => {
  const { slug, spaces, create } = await makeNamespace();
  const { id } = await create({ name: 'Lab' });
  const sql = service.db.$client;
  let sent: Promise<Answer> | undefined;
  await sql.begin(async (transaction) => {
    await transaction`update spaces set slug = 'workshop' where id = ${id}`;
    await transaction`
      insert into former_space_slugs (namespace_id, slug, held_by)
      select id, 'lab', ${id} from namespaces where slug = ${slug}`;
    sent = owner.put(`${spaces}/lab`, { name: 'Lab' });
    for (let isWaiting = false; !isWaiting;) {
      const rows = await sql`
        select from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`;
      isWaiting = rows.length > 0;
    }
  });
  t.equal((await sent)?.status, 201);
  await owner.delete(`${spaces}/lab`);
  assertProblem(t, await owner.get(`${spaces}/lab`), NO_SPACE, 'taken, then deleted');
});

test('an absolute URL leads to a path of this service', async () => {
  const { path, slug } = await makeNamespace();
  await rename(path, `${slug}-now`);
  leadsTo(await owner.get(`http://example.com${path}?a=1`), `${path}-now?a=1`);
});
