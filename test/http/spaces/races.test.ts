import type { TransactionSql } from 'postgres';
import t, { test } from 'tap';
import type { Answer } from '../../helpers/app.js';
import { waitForLockedSessions } from '../../helpers/locks.js';
import { read, Space, SpaceDetails, SpaceList, startSpaces } from '../../helpers/spaces.js';

const { service, owner, makeNamespace } = await startSpaces(t);
const sql = service.db.$client;

/**
 * Makes requests concurrent: sends them while a transaction holds a lock that they need, and commits it
 * when all of them wait for the lock.
 *
 * @param hold takes the lock
 * @param release writes before the lock is released
 */
async function sendTogether(
  send: (() => Promise<Answer>)[],
  hold: (transaction: TransactionSql) => Promise<unknown>,
  release?: (transaction: TransactionSql) => Promise<unknown>,
): Promise<Answer[]> {
  let answers: Promise<Answer>[] = [];
  await sql.begin(async (transaction) => {
    await hold(transaction);
    answers = send.map((request) => request());
    await waitForLockedSessions(sql, send.length);
    await release?.(transaction);
  });
  return Promise.all(answers);
}

test('parallel merges of different keys all take effect', async (t) => {
  const { spaces, create, details } = await makeNamespace();
  await create({ name: 'Lab', metadata: { first: true } });
  const keys = Array.from({ length: 20 }, (_, index) => `k${index}`);
  const answers = await Promise.all(
    keys.map((key) => owner.mergePatch(`${spaces}/lab`, { metadata: { [key]: key } })),
  );
  for (const { status } of answers) t.equal(status, 200);
  const { metadata, version } = await details('lab');
  t.same(metadata, { first: true, ...Object.fromEntries(keys.map((key) => [key, key])) });
  t.equal(version, 21, 'each merge is one write');
});

test('a merge uses the metadata of the space that it writes, also when another space takes the slug', async (t) => {
  const { spaces, create } = await makeNamespace();
  const one = await create({ name: 'One', slug: 'contested', metadata: { of: 'one' } });
  const two = await create({ name: 'Two', slug: 'two', metadata: { of: 'two' } });
  // Between the read and the write of the merge, another space takes the slug; the versions of
  // the two spaces are the same.
  const [answer] = await sendTogether(
    [() => owner.mergePatch(`${spaces}/contested`, { metadata: { merged: true } })],
    (transaction) => transaction`lock table spaces in exclusive mode`,
    async (transaction) => {
      await transaction`update spaces set slug = 'elsewhere' where id = ${one.id}`;
      await transaction`update spaces set slug = 'contested' where id = ${two.id}`;
    },
  );
  if (!answer) throw new Error('One request has one answer');
  const { id, metadata } = read(answer, Space);
  t.equal(id, two.id);
  t.same(metadata, { of: 'two', merged: true });
  t.same(read(await owner.get(`${spaces}/elsewhere`), SpaceDetails).metadata, { of: 'one' });
});

test('parallel restores are all 200, and one of them writes', async (t) => {
  const { spaces, create, details, list } = await makeNamespace();
  await create({ name: 'Phoenix' });
  const { id, namespace } = await details('phoenix');
  await owner.delete(`${spaces}/phoenix`);
  const answers = await sendTogether(
    Array.from({ length: 5 }, () => () => owner.post(`${spaces}/phoenix/restore`)),
    // With the namespace: Citus locks no rows of several.
    (transaction) =>
      transaction`select from spaces where namespace_id = ${namespace.id} and id = ${id} for update`,
  );
  t.same(
    answers.map(({ status }) => status),
    [200, 200, 200, 200, 200],
  );
  t.equal((await details('phoenix')).version, 3, 'one write');
  t.equal((await list()).total, 1);
});

test('either the restores or one create succeed among parallel restores and creates of one slug', async (t) => {
  for (let round = 0; round < 5; round += 1) {
    const { spaces, create, list } = await makeNamespace();
    const restore = () => owner.post(`${spaces}/phoenix/restore`);
    const createAnother = () => owner.post(spaces, { name: 'Phoenix' });
    await create({ name: 'Phoenix' });
    await owner.delete(`${spaces}/phoenix`);
    const answers = await sendTogether(
      [restore, createAnother, restore, createAnother],
      (transaction) => transaction`lock table spaces in share mode`,
    );
    const statuses = answers.map(({ status }) => status).toSorted();
    t.match(statuses.join(), /^(200,200,409,409|201,409,409,409)$/, `round ${round}`);
    t.equal((await list()).total, 1, `round ${round}`);
  }
});

test('a list that is read during writes has as many items as its total', async (t) => {
  const { spaces } = await makeNamespace();
  const writes = Array.from({ length: 60 }, (_, index) => async () => {
    const path = `${spaces}/s${index}`;
    await owner.post(spaces, { name: `s${index}` });
    if (index % 2 === 0) await owner.delete(path);
    if (index % 4 === 0) await owner.post(`${path}/restore`);
  });
  const reads = Array.from({ length: 60 }, () => () => owner.get(`${spaces}?pageSize=200`));
  const [lists] = await Promise.all([
    Promise.all(reads.map((one) => one())),
    Promise.all(writes.map((one) => one())),
  ]);
  for (const answer of lists) {
    const { spaces: items, total } = read(answer, SpaceList);
    t.equal(items.length, total);
  }
  t.equal(read(await owner.get(spaces), SpaceList).total, 45);
});
