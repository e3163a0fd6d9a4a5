import postgres from 'postgres';
import { type Test, test } from 'tap';
import { createDatabase } from '../helpers/database.js';
import { readReleased, statementErrors } from '../helpers/released.js';

async function openMigrated(t: Test): Promise<postgres.Sql> {
  const sql = postgres(await createDatabase(t, { direct: true }), { max: 1 });
  t.teardown(() => sql.end());
  return sql;
}

test('the statements of the released version run on the newest schema', async (t) => {
  const { statements } = await readReleased();
  t.ok(statements.length > 50, `${statements.length} statements`);
  t.same(await statementErrors(await openMigrated(t), statements), []);
});

test('a missing column and a changed type are errors of the released statements', async (t) => {
  const { statements } = await readReleased();
  const sql = await openMigrated(t);
  await sql`alter table spaces rename column description to about`;
  t.ok((await statementErrors(sql, statements)).length > 5, 'a missing column');
  await sql`alter table spaces rename column about to description`;
  await sql`alter table members alter column subject type int using 0`;
  t.ok((await statementErrors(sql, statements)).length > 5, 'a changed type');
});
