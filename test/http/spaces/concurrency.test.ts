import { sql } from 'drizzle-orm';
import { test } from 'tap';
import { type Answer, startService } from '../../helpers/app.js';

const PARALLEL = 50;

/** @returns how many responses have each status */
function statuses(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}

async function startWithNamespace(t: Parameters<typeof startService>[0]) {
  const service = await startService(t);
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'small' });
  return { ...service, alice };
}

const inParallel = (send: (index: number) => Promise<Answer>) =>
  Promise.all(Array.from({ length: PARALLEL }, (_, index) => send(index)));

test('exactly one of parallel creates of one slug succeeds and is counted', async (t) => {
  const { alice } = await startWithNamespace(t);
  const answers = await inParallel(() => alice.post('/namespaces/small/spaces', { name: 'Lab' }));
  t.same(statuses(answers), { 201: 1, 409: PARALLEL - 1 });
  t.match((await alice.get('/namespaces/small')).json, { spaces: 1 });
});

test('exactly one of parallel renames to one slug succeeds', async (t) => {
  const { alice } = await startWithNamespace(t);
  await inParallel((index) => alice.post('/namespaces/small/spaces', { name: `Lab ${index}` }));
  const answers = await inParallel((index) =>
    alice.patch(`/namespaces/small/projects/lab-${index}`, { slug: 'wanted' }),
  );
  t.same(statuses(answers), { 200: 1, 409: PARALLEL - 1 });
});

test('exactly one of parallel deletes of one space succeeds and is counted', async (t) => {
  const { alice } = await startWithNamespace(t);
  await alice.post('/namespaces/small/spaces', { name: 'Lab' });
  await alice.post('/namespaces/small/spaces', { name: 'Other' });
  const answers = await inParallel(() => alice.delete('/namespaces/small/projects/lab'));
  t.same(statuses(answers), { 204: 1, 404: PARALLEL - 1 });
  t.match((await alice.get('/namespaces/small/spaces')).json, { total: 1 });
});

test('the total is exact after concurrent creates, deletes and restores', async (t) => {
  const { alice, db } = await startWithNamespace(t);
  // A fixed pseudo-random sequence (Numerical Recipes' constants), so that a failure repeats.
  let state = 42;
  const random = (below: number) => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state % below;
  };
  for (let round = 0; round < 10; round += 1) {
    const answers = await inParallel(() => {
      const slug = `lab-${random(8)}`;
      const item = `/namespaces/small/projects/${slug}`;
      const action = random(3);
      if (action === 0) return alice.post('/namespaces/small/spaces', { name: slug });
      return action === 1 ? alice.delete(item) : alice.post(`${item}/restore`);
    });
    t.same(
      answers.filter(({ status }) => ![200, 201, 204, 404, 409].includes(status)),
      [],
      'no other status',
    );
    const [counted] = await db.execute(sql`
      select (select count(*)::int from spaces where deleted_at is null) as spaces,
        (select sum(active)::int from space_counters) as active`);
    t.equal(counted?.['active'], counted?.['spaces'], `round ${round}`);
    const { json } = await alice.get('/namespaces/small/spaces');
    t.match(json, { total: counted?.['spaces'] }, `round ${round}`);
  }
});
