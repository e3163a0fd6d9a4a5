/**
 * Two services cache pages of the same lists. After every write through one of them, both return the lists as the
 * database has them; a third service without a cache shows what that is.
 */
import { test } from 'tap';
import { type Answer, type Client, type Service, startService } from '../../helpers/app.js';
import { createDatabase } from '../../helpers/database.js';
import { operations } from '../../helpers/operations.js';
import type { Operation } from '../../helpers/operations/operation.js';
import { isProblem } from '../../helpers/problem.js';
import { MEMBER, members, seedNamespace } from '../../helpers/seed.js';

/** Lists of every kind: each resource, filters, orders, states and pages. */
const listsOf = (namespace: string): string[] => {
  const spaces = `/namespaces/${namespace}/spaces`;
  return [
    '/namespaces',
    '/namespaces?pageSize=1&page=2',
    `/namespaces/${namespace}/members`,
    `/namespaces/${namespace}/members?pageSize=2&page=2`,
    spaces,
    `${spaces}?pageSize=1&page=2`,
    `${spaces}?sort=-updatedAt`,
    `${spaces}?sort=name&pageSize=1`,
    `${spaces}?state=all`,
    `${spaces}?state=deleted`,
    `${spaces}?q=updated`,
    `${spaces}?q=new&tag=none`,
    `${spaces}?slug=lab&slug=new`,
    `${spaces}?metadata=${encodeURIComponent('{"team":"a"}')}`,
    `${spaces}?updatedAfter=2020-01-01T00:00:00Z`,
  ];
};

const comparable = ({ status, text }: Answer) => ({ status, text });

/** Starts three services on one database: two that cache pages, and one that does not. */
async function startThree(t: Parameters<typeof startService>[0]) {
  const databaseUrl = await createDatabase(t);
  return {
    processes: [
      await startService(t, { databaseUrl }),
      await startService(t, { databaseUrl }),
    ] as const,
    truth: await startService(t, { databaseUrl, pageCacheBytes: 0 }),
  };
}

const writes = operations.filter(({ request }) => request('any').method !== 'GET');

test('after every write, each process returns every list as the database has it', async (t) => {
  const { processes, truth } = await startThree(t);
  const [reader, writer] = processes;
  for (const [index, operation] of writes.entries()) {
    for (const subject of [members.owner, members.viewer]) {
      await t.test(`${operation.title}, read by ${subject}`, (t) =>
        assertFresh(t, `fresh-${index}-${subject}`, operation, subject),
      );
    }
  }

  async function assertFresh(
    t: Parameters<typeof startService>[0],
    namespace: string,
    operation: Operation,
    subject: string,
  ): Promise<void> {
    await seedNamespace(truth, namespace);
    const callers = await Promise.all(processes.map((one) => one.as(subject)));
    const direct = await truth.as(subject);
    const before = await askAll(callers, namespace);
    t.strictSame(
      (await askAll(callers, namespace)).map(comparable),
      before.map(comparable),
      'a cached page is returned unchanged',
    );
    const owner = await writer.as(members.owner);
    t.equal((await owner.send(operation.request(namespace))).status, operation.status);

    // The slug may have changed.
    const after = await askAll(callers, namespace);
    const expected = await askAll(
      callers.map(() => direct),
      namespace,
    );
    t.strictSame(
      after.map(comparable),
      expected.map(comparable),
      'the lists are as the database has them',
    );

    const reread = await reader.as(subject);
    for (const [place, path] of listsOf(namespace).entries()) {
      const [old, now] = [before[place], after[place]];
      const tag = String(old?.headers['etag']);
      if (now?.status !== 200) continue;
      const conditional = await reread.send({
        method: 'GET',
        path,
        headers: { 'if-none-match': tag },
      });
      if (old?.text === now.text) {
        t.match(String(conditional.status), /^(200|304)$/, `${path} may be 304`);
      } else {
        t.equal(conditional.status, 200, `${path} is not 304 for a tag of another body`);
        t.equal(conditional.text, now.text, path);
      }
    }
  }
});

/** @returns the responses of each list to the first caller, then those to the second */
async function askAll(callers: Client[], namespace: string): Promise<Answer[]> {
  const answers = await Promise.all(
    callers.map((caller) => Promise.all(listsOf(namespace).map((path) => caller.get(path)))),
  );
  return answers.flat();
}

test('a member that another process removed gets 404 for a cached list', async (t) => {
  const { processes } = await startThree(t);
  const [reader, writer] = processes;
  await seedNamespace(reader, 'left');
  const member = await reader.as(MEMBER);
  const owner = await writer.as(members.owner);
  const path = '/namespaces/left/spaces';
  const cached = await member.get(path);
  t.equal(cached.status, 200);
  t.equal((await owner.delete(`/namespaces/left/members/${MEMBER}`)).status, 204);
  const headers = { 'if-none-match': String(cached.headers['etag']) };
  isProblem(t, await member.send({ method: 'GET', path, headers }), 'namespace_not_found');
  isProblem(t, await member.get(path), 'namespace_not_found');
});

test('numbered pages have a weak ETag and are 304 while they are unchanged; pages by cursor have none', async (t) => {
  const service: Service = await startService(t);
  await seedNamespace(service, 'tagged');
  const viewer = await service.as(members.viewer);
  for (const path of listsOf('tagged')) {
    const first = await viewer.get(path);
    const tag = String(first.headers['etag']);
    t.match(tag, /^W\/"[!#-~]+"$/, `${path}: a weak ETag`);
    t.equal((await viewer.get(path)).headers['etag'], tag, `${path}: the same ETag again`);
    for (const header of [tag, tag.slice(2), `"other", ${tag}`, '*']) {
      const again = await viewer.send({
        method: 'GET',
        path,
        headers: { 'if-none-match': header },
      });
      t.equal(again.status, 304, `${path}: 304 for ${header}`);
      t.equal(again.text, '', `${path}: no body`);
      t.equal(again.headers['etag'], tag, `${path}: the ETag`);
      t.equal(again.headers['link'], first.headers['link'], `${path}: the same Link`);
    }
    const head = await viewer.send({ method: 'HEAD', path, headers: { 'if-none-match': tag } });
    t.equal(head.status, 304, `${path}: HEAD`);
    const other = await viewer.send({ method: 'GET', path, headers: { 'if-none-match': '"x"' } });
    t.equal(other.status, 200, `${path}: 200 for another tag`);
  }
  const tags = await Promise.all(
    ['?page=1', '?page=2', '?pageSize=1', '?state=all'].map(
      async (query) => (await viewer.get(`/namespaces/tagged/spaces${query}`)).headers['etag'],
    ),
  );
  t.equal(tags.filter((tag) => tag === undefined).length, 0);
  const cursor = await viewer.get('/namespaces/tagged/spaces?cursor=');
  t.equal(cursor.headers['etag'], undefined, 'a page by cursor has no ETag');
});
