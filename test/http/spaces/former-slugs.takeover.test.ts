/** A slug that another resource takes no longer redirects. */
import t, { test } from 'tap';
import { type Answer, startService } from '../../helpers/app.js';
import { waitForLockedSessions } from '../../helpers/locks.js';
import { assertRedirect, rename } from '../../helpers/redirects.js';
import { assertProblem, NO_NAMESPACE, NO_SPACE, startSpaces } from '../../helpers/spaces.js';

const { service, owner, makeNamespace } = await startSpaces(t);

/** The operations by which a space takes the slug `lab`. */
const takes: Record<string, (spaces: string) => Promise<Answer>> = {
  create: (spaces) => owner.post(spaces, { name: 'Lab' }),
  ensure: (spaces) => owner.put(`${spaces}/lab`, { name: 'Lab' }),
  batch: (spaces) => owner.post(`${spaces}/batch`, { spaces: [{ name: 'Lab' }] }),
  rename: async (spaces) => {
    await owner.post(spaces, { name: 'Another' });
    return owner.patch(`${spaces}/another`, { slug: 'lab' });
  },
  restore: (spaces) => owner.post(`${spaces}/lab/restore`),
};

test('a space that takes a former slug ends its redirect permanently', async (t) => {
  for (const [title, take] of Object.entries(takes)) {
    const { spaces, create } = await makeNamespace();
    await create({ name: 'Lab' });
    await owner.delete(`${spaces}/lab`);
    await create({ name: 'Lab' });
    await rename(t, owner, `${spaces}/lab`, 'workshop');
    assertRedirect(t, await owner.get(`${spaces}/lab`), `${spaces}/workshop`, title);
    t.ok((await take(spaces)).status < 300, title);
    t.match((await owner.get(`${spaces}/lab`)).json, { slug: 'lab' }, title);

    await owner.delete(`${spaces}/lab`);
    assertProblem(t, await owner.get(`${spaces}/lab`), NO_SPACE, `${title}, then deleted`);
    t.equal((await owner.post(`${spaces}/lab/restore`)).status, 200, title);
    await rename(t, owner, `${spaces}/lab`, 'elsewhere');
    assertRedirect(
      t,
      await owner.get(`${spaces}/lab`),
      `${spaces}/elsewhere`,
      `${title}, then renamed`,
    );
    t.equal((await owner.get(`${spaces}/workshop`)).status, 200, title);
  }
});

test('a namespace that takes a former slug ends its redirect permanently', async (t) => {
  for (const title of ['create', 'rename', 'restore']) {
    const { path, slug } = await makeNamespace();
    if (title === 'restore') {
      await owner.delete(path);
      await owner.post('/namespaces', { slug });
    }
    await rename(t, owner, path, `${slug}-now`);
    assertRedirect(t, await owner.get(path), `${path}-now`, title);
    if (title === 'create') await owner.post('/namespaces', { slug });
    if (title === 'rename') await rename(t, owner, (await makeNamespace()).path, slug);
    if (title === 'restore') await owner.post(`${path}/restore`);
    t.match((await owner.get(path)).json, { slug }, title);

    await owner.delete(path);
    assertProblem(t, await owner.get(path), NO_NAMESPACE, `${title}, then deleted`);
    await owner.post(`${path}/restore`);
    await rename(t, owner, path, `${slug}-elsewhere`);
    assertRedirect(t, await owner.get(path), `${path}-elsewhere`, `${title}, then renamed`);
  }
});

test('a former slug that another namespace took does not redirect its former members', async (t) => {
  const { path, slug } = await makeNamespace();
  await rename(t, owner, path, `${slug}-now`);
  const { databaseUrl } = service;
  const withoutHold = await startService(t, { databaseUrl, slugHoldDays: 0 });
  const stranger = await withoutHold.as('stranger');
  t.equal((await stranger.post('/namespaces', { slug })).status, 201);
  assertProblem(t, await owner.get(path), NO_NAMESPACE, 'another namespace has it');
  await stranger.delete(path);
  assertProblem(t, await owner.get(path), NO_NAMESPACE, 'another namespace had it');
});

test('a space that takes a slug during its release ends the redirect', async (t) => {
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
    await waitForLockedSessions(sql);
  });
  t.equal((await sent)?.status, 201);
  await owner.delete(`${spaces}/lab`);
  assertProblem(t, await owner.get(`${spaces}/lab`), NO_SPACE, 'taken, then deleted');
});
