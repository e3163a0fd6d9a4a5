/** Settings of a database or a role do not change the responses of the service. */
import { Type } from '@sinclair/typebox';
import postgres from 'postgres';
import { test } from 'tap';
import { startService } from '../helpers/app.js';
import { createDatabase } from '../helpers/database.js';
import { read } from '../helpers/spaces.js';

const hostile = {
  DateStyle: ['SQL, DMY', 'German', 'Postgres, MDY', 'ISO, YMD'],
  IntervalStyle: ['sql_standard', 'iso_8601'],
  TimeZone: ['Asia/Kathmandu', 'America/St_Johns'],
  extra_float_digits: ['-15'],
  bytea_output: ['escape'],
  standard_conforming_strings: ['off'],
  array_nulls: ['off'],
  default_transaction_isolation: ['serializable', 'repeatable read'],
  search_path: ['pg_catalog', 'nowhere'],
  row_security: ['off'],
  transform_null_equals: ['on'],
  plan_cache_mode: ['force_custom_plan'],
};

const Times = Type.Object({ createdAt: Type.String(), updatedAt: Type.String() });

const CursorPage = Type.Object({ nextCursor: Type.Union([Type.String(), Type.Null()]) });

test('every response is the same under any setting of the database', async (t) => {
  const databaseUrl = await createDatabase(t, { direct: true });
  const admin = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  t.teardown(() => admin.end());
  const name = new URL(databaseUrl).pathname.slice(1);
  let round = 0;
  for (const [setting, values] of Object.entries(hostile)) {
    for (const value of values) {
      const title = `${setting} = ${value}`;
      await admin.unsafe(`alter database ${name} set ${setting} to '${value}'`);
      const service = await startService(t, { databaseUrl });
      const owner = await service.as('olga');
      const slug = `team-${(round += 1)}`;
      const before = Date.now();
      t.equal((await owner.post('/namespaces', { slug })).status, 201, title);
      const metadata = { a: 0.1, b: 1e-7, c: 'ü\\n\'"', d: [null, true] };
      const spaces = `/namespaces/${slug}/spaces`;
      const created = await owner.post(spaces, { name: 'A \\ B', slug: 'a', metadata });
      t.equal(created.status, 201, title);
      await owner.post(spaces, { name: 'B', slug: 'b', tags: ['null', '{}', '\\x41'] });
      const found = await owner.get(`/namespaces/${slug}/projects/a`);
      t.match(found.json, { name: 'A \\ B', metadata }, title);
      const { createdAt, updatedAt } = read(found, Times);
      for (const time of [createdAt, updatedAt]) {
        t.ok(Math.abs(Date.parse(time) - before) < 60_000, `${title}: ${time}`);
        t.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, title);
      }
      const patched = await owner.patch(`/namespaces/${slug}/projects/b`, { description: 'x' });
      t.match(patched.json, { tags: ['null', '{}', '\\x41'], description: 'x' }, title);
      const list = await owner.get(`${spaces}?updatedAfter=${createdAt}&sort=updatedAt`);
      t.match(list.json, { total: 2, spaces: [{ slug: 'a' }, { slug: 'b' }] }, title);
      const first = await owner.get(`${spaces}?pageSize=1&cursor=start&sort=-updatedAt`);
      const { nextCursor } = read(first, CursorPage);
      const next = await owner.get(
        `${spaces}?pageSize=1&cursor=${nextCursor ?? ''}&sort=-updatedAt`,
      );
      t.match(next.json, { spaces: [{ slug: 'a' }], nextCursor: null }, title);
      t.equal((await owner.delete(`/namespaces/${slug}/projects/a`)).status, 204, title);
      t.equal((await owner.post(`/namespaces/${slug}/projects/a/restore`)).status, 200, title);
      await service.app.close();
      await admin.unsafe(`alter database ${name} reset ${setting}`);
    }
  }
});
