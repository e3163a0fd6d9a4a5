import { sql } from 'drizzle-orm';
import { test } from 'tap';
import { shared } from '../../src/repositories/access/shared-reads.js';
import { createDatabase, openDatabase } from '../helpers/database.js';
import { startCounted, startProxy } from '../helpers/proxy.js';
import { members, seedNamespace } from '../helpers/seed.js';

const AT_ONCE = 20;

const times = <Result>(run: () => Promise<Result>) =>
  Promise.all(Array.from({ length: AT_ONCE }, run));

const reads = ['', '/spaces', '/spaces?sort=name', '/members', '/projects/lab'];

test('equal concurrent reads share statements, and every request has its own response', async (t) => {
  const { service, proxy } = await startCounted(t);
  await seedNamespace(service, 'busy');
  const viewer = await service.as(members.viewer);
  const editor = await service.as(members.editor);
  for (const path of ['/namespaces', ...reads.map((end) => `/namespaces/busy${end}`)]) {
    for (const caller of [viewer, editor]) await caller.get(path);
    const one = await proxy.count(() => times(() => viewer.get(path)));
    t.equal(new Set(one.result.map(({ text }) => text)).size, 1, `${path}: one body for all`);
    t.ok(
      one.result.every(({ status }) => status === 200),
      `${path}: all are 200`,
    );
    t.equal(
      new Set(one.result.map(({ headers }) => headers['x-request-id'])).size,
      AT_ONCE,
      `${path}: each has its own request id`,
    );
    t.ok(one.statements < AT_ONCE, `${path}: ${one.statements} statements`);
    const both = await Promise.all([times(() => viewer.get(path)), times(() => editor.get(path))]);
    const roles = both.map((answers) => new Set(answers.map(({ text }) => text)).size);
    t.strictSame(roles, [1, 1], `${path}: one body for each caller`);
  }
});

test('equal reads in one turn of the event loop share a statement, others do not', async (t) => {
  const proxy = await startProxy(t, await createDatabase(t));
  const db = openDatabase(t, proxy.url);
  const statement = shared(
    db
      .select({ value: sql<string>`${sql.placeholder('caller')}::text` })
      .from(sql`(select) as one`)
      .prepare('caller'),
  );
  const execute = (caller: string) => times(() => statement.execute({ caller }));
  await execute('warm');
  const { result, statements } = await proxy.count(() =>
    Promise.all([execute('alice'), execute('bob')]),
  );
  t.equal(statements, 2, 'one for each caller');
  t.strictSame(
    result.map((answers) => answers.map(([row]) => row?.value)),
    ['alice', 'bob'].map((caller) => Array.from({ length: AT_ONCE }, () => caller)),
  );
});

test('a failed shared read rejects all its requests, and the next read is a new statement', async (t) => {
  const db = openDatabase(t, await createDatabase(t));
  const statement = shared(
    db
      .select({ value: sql<number>`1 / ${sql.placeholder('divisor')}::int` })
      .from(sql`(select) as one`)
      .prepare('division'),
  );
  const failed = await Promise.allSettled([
    statement.execute({ divisor: 0 }),
    statement.execute({ divisor: 0 }),
    statement.execute({ divisor: 1 }),
  ]);
  t.strictSame(
    failed.map(({ status }) => status),
    ['rejected', 'rejected', 'fulfilled'],
  );
  t.strictSame(await statement.execute({ divisor: 1 }), [{ value: 1 }]);
});

test('a read after the response to a write sees the write, also during earlier reads', async (t) => {
  const { service } = await startCounted(t);
  await seedNamespace(service, 'fresh');
  const editor = await service.as(members.editor);
  for (let n = 0; n < 30; n += 1) {
    const before = times(() => editor.get('/namespaces/fresh/projects/lab'));
    await editor.patch('/namespaces/fresh/projects/lab', { description: `Version ${n}` });
    const after = await times(() => editor.get('/namespaces/fresh/projects/lab'));
    t.ok(
      after.every(({ text }) => text.includes(`"Version ${n}"`)),
      `version ${n}`,
    );
    await before;
  }
});
