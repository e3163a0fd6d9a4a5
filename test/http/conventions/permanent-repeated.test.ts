/** A repeated `DELETE …?permanent=true` erases nothing else while the erasure is unfinished. */
import { sql } from 'drizzle-orm';
import { test } from 'tap';
import { startService } from '../../helpers/app.js';
import { createDatabase, openDatabase } from '../../helpers/database.js';
import { fill } from '../../helpers/filled.js';
import { pick } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';

const spaces = '/namespaces/acme/spaces';

test('a repeated DELETE goes on with the erasure, and not with one of another resource that had the slug', async (t) => {
  const databaseUrl = await createDatabase(t, { direct: true });
  const owner = await (await startService(t, { databaseUrl })).as('owner');
  await owner.post('/namespaces', { slug: 'acme' });
  const db = openDatabase(t, databaseUrl, { statementTimeoutMs: 1_000 });
  const hasty = await (await startService(t, { databaseUrl, db })).as('owner');
  const other = openDatabase(t, databaseUrl);
  const cases = [
    { path: `${spaces}/lab`, make: () => owner.post(spaces, { name: 'Lab' }), space: 'acme' },
    {
      path: '/namespaces/lab',
      make: () => owner.post('/namespaces', { slug: 'lab' }),
      space: 'lab',
    },
  ];
  for (const { path, make, space } of cases) {
    const first = await make();
    t.equal(first.status, 201);
    await owner.delete(path);
    await make();
    await fill(owner, 'lab', space);
    const { json } = await owner.get(`/namespaces/${space}`);
    const etag = String((await owner.get(path)).headers['etag']);
    await other.transaction(async (held) => {
      await held.execute(
        sql`select from episodes where namespace_id = ${pick(json, 'id')} for update`,
      );
      for (const attempt of ['first', 'second']) {
        const { status } = await hasty.delete(`${path}?permanent=true`);
        t.equal(status, 202, `the ${attempt} attempt fails`);
      }
    });
    const conditional = {
      method: 'DELETE' as const,
      path: `${path}?permanent=true`,
      headers: { 'if-match': etag },
    };
    isProblem(t, await owner.send(conditional), 'precondition_failed', 'If-Match during it');
    t.equal((await owner.delete(`${path}?permanent=true`)).status, 204, `${path} is erased`);
    isProblem(t, await owner.send(conditional), 'precondition_failed', 'If-Match after it');
    const restored = await owner.post(`${path}/restore`);
    t.match(
      restored,
      { status: 200, json: { id: pick(first.json, 'id') } },
      'the other one is kept',
    );
  }
});
