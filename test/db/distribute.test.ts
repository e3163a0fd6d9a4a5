import { getTableName, sql } from 'drizzle-orm';
import { test } from 'tap';
import { distribute, DistributeError } from '../../src/db/distribute.js';
import { distributedTables, resources } from '../../src/resources.js';
import { createDatabase, openDatabase } from '../helpers/database.js';

test('a database without Citus is reported and not changed', async (t) => {
  await t.rejects(distribute(await createDatabase(t), distributedTables(resources)), {
    constructor: DistributeError,
    message: /has no Citus.*CREATE EXTENSION citus/,
  });
});

test('every table belongs to a resource, and is so distributed', async (t) => {
  const db = openDatabase(t, await createDatabase(t));
  const tables = await db.execute<{ name: string }>(sql`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' order by name`);
  const { reference, byNamespace } = distributedTables(resources);
  t.same(
    tables.map(({ name }) => name),
    [...reference, ...byNamespace].map(getTableName).sort(),
  );
});

test('every key within a namespace begins with its id, and foreign keys stay within it', async (t) => {
  const db = openDatabase(t, await createDatabase(t));
  const unique = await db.execute<{ table: string; first: string }>(sql`
    select indrelid::regclass::text as table, attname as first
    from pg_index join pg_attribute on attrelid = indrelid and attnum = indkey[0]
    where indisunique and indrelid::regclass::text in (
      select table_name from information_schema.columns
      where table_schema = 'public' and column_name = 'namespace_id')`);
  t.ok(unique.some(({ table }) => table === 'spaces'));
  for (const { table, first } of unique) t.equal(first, 'namespace_id', table);

  const foreignKeys = await db.execute<{ target: string; first: string }>(sql`
    select confrelid::regclass::text as target, attname as first
    from pg_constraint join pg_attribute on attrelid = conrelid and attnum = conkey[1]
    where contype = 'f'`);
  for (const { target, first } of foreignKeys) {
    t.ok(target === 'namespaces' || first === 'namespace_id', `${target} by ${first}`);
  }
  const triggers = await db.execute(sql`select 1 from pg_trigger where not tgisinternal`);
  t.equal(triggers.length, 0, 'no triggers');
});
