import { sql } from 'drizzle-orm';
import { test } from 'tap';
import { type Answer, type Client, type Service, startService } from '../../helpers/app.js';
import { isoTimestamp, pick, pickString } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';

const members = '/namespaces/acme/members';
const memberPath = (subject: string) => `${members}/${encodeURIComponent(subject)}`;

/** Starts a service with the namespace `acme` of alice. */
async function startAcme(t: Parameters<typeof startService>[0]) {
  const service = await startService(t);
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'acme' });
  return { service, alice };
}

async function rolesOf(client: Client): Promise<Record<string, unknown>> {
  const found = pick((await client.get(members)).json, 'members');
  const list: unknown[] = Array.isArray(found) ? found : [];
  return Object.fromEntries(
    list.map((item): [string, unknown] => [pickString(item, 'subject'), pick(item, 'role')]),
  );
}

/** The body with this member, and with the times of the response. */
function memberText({ json }: Answer, subject: string, role: string): string {
  const [createdAt, updatedAt] = ['createdAt', 'updatedAt'].map((key) => pick(json, key));
  return JSON.stringify({ subject, role, createdAt, updatedAt });
}

test('the creator of a namespace is its first owner', async (t) => {
  const { alice } = await startAcme(t);
  const { text, json } = await alice.get(members);
  const [createdAt, updatedAt] = ['createdAt', 'updatedAt'].map((key) =>
    pick(json, 'members', 0, key),
  );
  t.match(createdAt, isoTimestamp);
  t.equal(
    text,
    JSON.stringify({
      members: [{ subject: 'alice', role: 'owner', createdAt, updatedAt }],
      page: 1,
      pageSize: 50,
      total: 1,
      totalPages: 1,
    }),
  );
});

test('put adds a member with 201 and changes a role with 200', async (t) => {
  const { service, alice } = await startAcme(t);
  const added = await alice.put(memberPath('bob'), { role: 'viewer' });
  t.equal(added.status, 201);
  t.equal(added.text, memberText(added, 'bob', 'viewer'));
  t.match(added.json, { createdAt: isoTimestamp });
  t.equal(pick(added.json, 'updatedAt'), pick(added.json, 'createdAt'));

  const same = await alice.put(memberPath('bob'), { role: 'viewer' });
  t.equal(same.status, 200);
  t.equal(same.text, added.text, 'the same role changes nothing');

  for (const role of ['editor', 'owner', 'viewer']) {
    const changed = await alice.put(memberPath('bob'), { role });
    t.equal(changed.status, 200, role);
    t.equal(changed.text, memberText(changed, 'bob', role), role);
    t.equal(pick(changed.json, 'createdAt'), pick(added.json, 'createdAt'), role);
    t.ok(pickString(changed.json, 'updatedAt') >= pickString(added.json, 'updatedAt'), role);
    t.match(await rolesOf(await service.as('bob')), { bob: role }, 'members read the list');
  }
});

test('put rejects an invalid role', async (t) => {
  const { alice } = await startAcme(t);
  const rejected: [body: unknown, path: string][] = [
    [{}, '/role'],
    [{ role: null }, '/role'],
    [{ role: 'admin' }, '/role'],
    [{ role: 'Owner' }, '/role'],
    [{ role: ['owner'] }, '/role'],
    [{ role: 'owner', subject: 'carol' }, '/subject'],
    [[], ''],
    ['null', ''],
  ];
  for (const [body, path] of rejected) {
    const answer = await alice.put(memberPath('bob'), body);
    isProblem(t, answer, 'validation_failed', JSON.stringify(body));
    t.equal(pick(answer.json, 'errors', 0, 'path'), path, JSON.stringify(body));
  }
  t.same(await rolesOf(alice), { alice: 'owner' });
});

test('remove is 204 without a body, and 404 for an unknown member', async (t) => {
  const { service, alice } = await startAcme(t);
  await alice.put(memberPath('bob'), { role: 'editor' });
  const removed = await alice.delete(memberPath('bob'));
  t.equal(removed.status, 204);
  t.equal(removed.text, '');
  isProblem(t, await alice.delete(memberPath('bob')), 'member_not_found');
  isProblem(t, await (await service.as('bob')).get(members), 'namespace_not_found');
  const again = await alice.put(memberPath('bob'), { role: 'viewer' });
  t.equal(again.status, 201, 'a removed member can be added again');
});

test('members are listed in the order of their addition, page by page', async (t) => {
  const { service, alice } = await startAcme(t);
  const added = ['zoe', 'bob', 'yan', 'carol'];
  for (const [minute, subject] of added.entries()) {
    await alice.put(memberPath(subject), { role: 'viewer' });
    // Two may be added in one millisecond, the resolution of the stored time.
    await service.db.execute(sql`
      update members set created_at =
        (created_at at time zone 'UTC' + ${minute + 1} * interval '1 minute') at time zone 'UTC'
      where subject = ${subject}`);
  }
  await alice.put(memberPath('zoe'), { role: 'editor' });
  const all = ['alice', ...added];
  const pages: [query: string, subjects: string[], described: object][] = [
    ['', all, { page: 1, pageSize: 50, total: 5, totalPages: 1 }],
    ['?pageSize=2', all.slice(0, 2), { page: 1, pageSize: 2, total: 5, totalPages: 3 }],
    ['?pageSize=2&page=3', all.slice(4), { page: 3, pageSize: 2, total: 5, totalPages: 3 }],
    ['?page=9', [], { page: 9, pageSize: 50, total: 5, totalPages: 1 }],
    ['?pageSize=1000', all, { page: 1, pageSize: 200, total: 5, totalPages: 1 }],
  ];
  for (const [query, subjects, described] of pages) {
    const answer = await alice.get(`${members}${query}`);
    t.equal(answer.status, 200, query);
    t.match(answer.json, described, query);
    const found = pick(answer.json, 'members');
    t.same(Array.isArray(found) && found.map((item) => pick(item, 'subject')), subjects, query);
  }
  for (const query of ['page=0', 'pageSize=-1', 'pageSize=', 'page=a', 'sort=role']) {
    isProblem(t, await alice.get(`${members}?${query}`), 'validation_failed', query);
  }
});

test('a subject is any text of up to 255 characters, compared exactly', async (t) => {
  const { service, alice } = await startAcme(t);
  const subjects = [
    'bob@example.com',
    'auth0|5f7c8ec7c33c6c004bbafe82',
    'https://issuer.test/users/1?a=b#c',
    'a/b/members/c',
    '100%',
    '%2F',
    'with space',
    ' ',
    'Bob',
    'bob',
    '机器人🤖',
    'caf\u00e9',
    'cafe\u0301',
    'b'.repeat(255),
    '机'.repeat(255),
    '🤖'.repeat(127),
  ];
  for (const subject of subjects) {
    const answer = await alice.put(memberPath(subject), { role: 'viewer' });
    t.equal(answer.status, 201, subject);
    t.equal(answer.text, memberText(answer, subject, 'viewer'), subject);
    const member = await service.as(subject);
    t.match((await member.get('/namespaces')).json, { total: 1 }, `${subject} is this member`);
  }
  const roles = Object.fromEntries(subjects.map((subject) => [subject, 'viewer']));
  t.same(await rolesOf(alice), { alice: 'owner', ...roles });
  for (const subject of subjects) {
    t.equal((await alice.delete(memberPath(subject))).status, 204, subject);
  }
  t.same(await rolesOf(alice), { alice: 'owner' });
});

test('an invalid subject is 400 on put and 404 on remove', async (t) => {
  const { alice } = await startAcme(t);
  for (const subject of ['a\0b', 'a'.repeat(256), '🤖'.repeat(128), 'a'.repeat(8000)]) {
    const title = encodeURIComponent(subject).slice(0, 20);
    const put = await alice.put(memberPath(subject), { role: 'viewer' });
    isProblem(t, put, 'validation_failed', title);
    t.match(put.json, { errors: [{ path: '/subject' }] }, title);
    isProblem(t, await alice.delete(memberPath(subject)), 'member_not_found', title);
  }
  for (const subject of ['%ED%A0%80', '%zz']) {
    const put = await alice.put(`${members}/${subject}`, { role: 'viewer' });
    isProblem(t, put, 'malformed_request', subject);
    isProblem(t, await alice.delete(`${members}/${subject}`), 'malformed_request', subject);
  }
  t.same(await rolesOf(alice), { alice: 'owner' });
});

test('the last owner can neither be removed nor demoted', async (t) => {
  const { service, alice } = await startAcme(t);
  const admin = await service.as('root', 'admin');
  await alice.put(memberPath('bob'), { role: 'editor' });
  for (const caller of [alice, admin]) {
    isProblem(t, await caller.delete(memberPath('alice')), 'last_owner', caller.subject);
    for (const role of ['viewer', 'editor']) {
      const answer = await caller.put(memberPath('alice'), { role });
      isProblem(t, answer, 'last_owner', `${role} by ${caller.subject}`);
    }
    t.equal((await caller.put(memberPath('alice'), { role: 'owner' })).status, 200);
  }
  t.same(await rolesOf(alice), { alice: 'owner', bob: 'editor' });

  await alice.put(memberPath('bob'), { role: 'owner' });
  t.equal((await alice.delete(memberPath('alice'))).status, 204, 'with another owner');
  isProblem(t, await alice.get(members), 'namespace_not_found');
  const bob = await service.as('bob');
  isProblem(t, await bob.put(memberPath('bob'), { role: 'viewer' }), 'last_owner');
  await bob.put(memberPath('alice'), { role: 'owner' });
  t.equal((await bob.put(memberPath('bob'), { role: 'viewer' })).status, 200);
  t.same(await rolesOf(alice), { bob: 'viewer', alice: 'owner' });
});

/** Sends requests in parallel that would each remove an owner of a namespace with two. */
async function sendConflicting(
  service: Service,
  slug: string,
  attempt: (caller: Client, index: number, path: (subject: string) => string) => Promise<Answer>,
): Promise<{ statuses: number[]; owners: number }> {
  const [alice, bob] = [await service.as('alice'), await service.as('bob')];
  const admin = await service.as('root', 'admin');
  await alice.post('/namespaces', { slug });
  const path = (subject: string) => `/namespaces/${slug}/members/${subject}`;
  await alice.put(path('bob'), { role: 'owner' });
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) => attempt(index % 2 ? alice : bob, index, path)),
  );
  const list = pick((await admin.get(`/namespaces/${slug}/members`)).json, 'members');
  return {
    statuses: answers.map(({ status }) => status),
    owners: (Array.isArray(list) ? list : []).filter((item) => pick(item, 'role') === 'owner')
      .length,
  };
}

test('concurrent removals and demotions of both owners leave at least one', async (t) => {
  const service = await startService(t);
  const other = (caller: Client) => (caller.subject === 'alice' ? 'bob' : 'alice');
  const attempts: Record<string, Parameters<typeof sendConflicting>[2]> = {
    'remove the other': (caller, _index, path) => caller.delete(path(other(caller))),
    'demote the other': (caller, _index, path) =>
      caller.put(path(other(caller)), { role: 'editor' }),
    'add and remove a third': (caller, index, path) => {
      const third = path('aaron');
      const role = index % 8 < 4 ? 'owner' : 'viewer';
      return index % 4 < 2 ? caller.put(third, { role }) : caller.delete(third);
    },
    leave: (caller, _index, path) => caller.delete(path(caller.subject)),
    'step down': (caller, _index, path) => caller.put(path(caller.subject), { role: 'viewer' }),
    'all of these': (caller, index, path) => {
      const subject = index % 4 < 2 ? caller.subject : other(caller);
      return index % 8 < 4
        ? caller.delete(path(subject))
        : caller.put(path(subject), { role: index % 16 < 8 ? 'owner' : 'editor' });
    },
  };
  const possible = new Set([200, 201, 204, 403, 404, 409]);
  for (const [title, attempt] of Object.entries(attempts)) {
    for (let round = 0; round < 5; round += 1) {
      const slug = `${title.replaceAll(' ', '-')}-${round}`;
      const { statuses, owners } = await sendConflicting(service, slug, attempt);
      t.ok(owners >= 1, `${title}: ${owners} remain`);
      t.same(
        statuses.filter((status) => !possible.has(status)),
        [],
        `${title}: no other status`,
      );
    }
  }
});
