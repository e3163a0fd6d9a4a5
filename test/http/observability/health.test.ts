import { test } from 'tap';
import { startService } from '../../helpers/app.js';
import { createDatabase } from '../../helpers/database.js';
import { isProblem } from '../../helpers/problem.js';

test('the service is ready with a migrated, reachable database', async (t) => {
  const service = await startService(t);
  const answer = await service.send({ method: 'GET', path: '/readyz' });
  t.equal(answer.status, 200);
  t.same(answer.json, { status: 'ok' });
});

test('the service is not ready, but alive, with a database without the migrations', async (t) => {
  const databaseUrl = await createDatabase(t, { empty: true });
  const service = await startService(t, { databaseUrl });
  const answer = await service.send({ method: 'GET', path: '/readyz' });
  isProblem(t, answer, 'unavailable');
  t.match(answer.json, { detail: /migrations/ });
  t.ok(answer.headers['retry-after']);

  const live = await service.send({ method: 'GET', path: '/livez' });
  t.equal(live.status, 200, '/livez');
});
