/** A right ends with the response that revokes it: no request in flight writes afterwards. */
import { test } from 'tap';
import { type Client, type Service, startService } from '../../helpers/app.js';
import { isProblem } from '../../helpers/problem.js';

const ROUNDS = 15;
const IN_FLIGHT = 8;

/** Sends a request repeatedly and concurrently, until stopped. */
function sendRepeatedly(send: () => Promise<unknown>): () => Promise<void> {
  let isStopped = false;
  const callers = Array.from({ length: IN_FLIGHT }, async () => {
    while (!isStopped) await send();
  });
  return async () => {
    isStopped = true;
    await Promise.all(callers);
  };
}

async function startTwo(t: Parameters<typeof startService>[0]): Promise<[Service, Service]> {
  const first = await startService(t);
  return [first, await startService(t, { databaseUrl: first.databaseUrl })];
}

async function createWithMember(owner: Client, slug: string, member: string, role: string) {
  await owner.post('/namespaces', { slug });
  await owner.put(`/namespaces/${slug}/members/${member}`, { role });
}

const revocations = {
  removal: (owner: Client, path: string) => owner.delete(path),
  demotion: (owner: Client, path: string) => owner.put(path, { role: 'viewer' }),
};

for (const [title, revoke] of Object.entries(revocations)) {
  test(`requests in flight do not undo the ${title} of an owner`, async (t) => {
    const [first, second] = await startTwo(t);
    const alice = await first.as('alice');
    const bob = await second.as('bob');
    for (let round = 0; round < ROUNDS; round += 1) {
      const slug = `n${round}`;
      await createWithMember(alice, slug, 'bob', 'owner');
      const path = `/namespaces/${slug}/members/bob`;
      const stop = sendRepeatedly(() => bob.put(path, { role: 'owner' }));
      const { status } = await revoke(alice, path);
      await stop();
      t.equal(status, title === 'removal' ? 204 : 200, `the ${title} is answered`);
      const rows = await first.db.$client`
        select role from members m join namespaces n on n.id = m.namespace_id
        where n.slug = ${slug} and subject = 'bob'`;
      const expected = title === 'removal' ? [] : [{ role: 'viewer' }];
      t.strictSame([...rows], expected, `round ${round}`);
    }
  });
}

/** The writes inside a namespace; `n` makes their names differ. */
const writes: Record<string, (editor: Client, slug: string, n: number) => Promise<unknown>> = {
  create: (editor, slug, n) => editor.post(`/namespaces/${slug}/spaces`, { name: `Space ${n}` }),
  'create with a key': (editor, slug, n) =>
    editor.send({
      method: 'POST',
      path: `/namespaces/${slug}/spaces`,
      body: { name: `Space ${n}` },
      headers: { 'idempotency-key': `key-${n}` },
    }),
  batch: (editor, slug, n) =>
    editor.post(`/namespaces/${slug}/spaces/batch`, { spaces: [{ name: `Space ${n}` }] }),
  ensure: (editor, slug, n) => editor.put(`/namespaces/${slug}/projects/space-${n}`, { name: 'S' }),
  update: (editor, slug, n) =>
    editor.patch(`/namespaces/${slug}/projects/target`, { description: `Update ${n}` }),
  merge: (editor, slug, n) =>
    editor.mergePatch(`/namespaces/${slug}/projects/target`, { metadata: { n } }),
};

/** The operations that end the right to write. */
const endings: Record<string, (owner: Client, slug: string) => Promise<{ status: number }>> = {
  'removal of the member': (owner, slug) => owner.delete(`/namespaces/${slug}/members/bob`),
  'demotion of the member': (owner, slug) =>
    owner.put(`/namespaces/${slug}/members/bob`, { role: 'viewer' }),
  'deletion of the namespace': (owner, slug) => owner.delete(`/namespaces/${slug}`),
};

for (const [ending, end] of Object.entries(endings)) {
  test(`no write takes effect after the response to the ${ending}`, async (t) => {
    const [first, second] = await startTwo(t);
    const alice = await first.as('alice');
    const bob = await second.as('bob');
    let n = 0;
    for (const [title, write] of Object.entries(writes)) {
      for (let round = 0; round < 3; round += 1) {
        const slug = `w${(n += 1)}`;
        await createWithMember(alice, slug, 'bob', 'editor');
        await alice.post(`/namespaces/${slug}/spaces`, { name: 'Target' });
        const stop = sendRepeatedly(() => write(bob, slug, (n += 1)));
        const { status } = await end(alice, slug);
        t.ok(status < 300, `${title}: the ${ending} is answered`);
        const content = async () =>
          JSON.stringify(
            await first.db.$client`
              select s.id, s.version from spaces s join namespaces n on n.id = s.namespace_id
              where n.slug = ${slug} order by s.id`,
          );
        const before = await content();
        await stop();
        t.equal(await content(), before, `${title}: the spaces stay as they were`);
      }
    }
  });
}

test('every member may leave, except the last owner', async (t) => {
  const service = await startService(t);
  const owner = await service.as('olga');
  await owner.post('/namespaces', { slug: 'team' });
  for (const role of ['viewer', 'editor', 'owner']) {
    const path = `/namespaces/team/members/${role}`;
    await owner.put(path, { role });
    const member = await service.as(role);
    t.equal((await member.delete(path)).status, 204, `a member with the role ${role} leaves`);
    isProblem(t, await member.delete(path), 'namespace_not_found', 'a former member');
  }
  await owner.put('/namespaces/team/members/vic', { role: 'viewer' });
  const viewer = await service.as('vic');
  t.equal(
    (await viewer.delete('/namespaces/team/members/olga')).status,
    403,
    'a viewer removes no other member',
  );
  const last = await owner.delete('/namespaces/team/members/olga');
  isProblem(t, last, 'last_owner');
});
