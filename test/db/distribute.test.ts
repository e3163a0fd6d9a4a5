import { getTableName, sql } from 'drizzle-orm';
import { test } from 'tap';
import { distributedTables, resources } from '../../src/resources.js';
import { createDatabase, openDatabase } from '../helpers/database.js';

const { onCoordinator, byNamespace } = distributedTables(resources);
const namesOf = (tables: typeof byNamespace) => tables.map(getTableName).sort();

/** The column that `drizzle/citus.sql` distributes a table by. */
const distributionColumn = (table: string) => (table === 'namespaces' ? 'id' : 'namespace_id');

test('every table belongs to a resource, and is distributed if its rows belong to a namespace', async (t) => {
  const db = openDatabase(t, await createDatabase(t));
  const tables = await db.execute<{ name: string; is_within: boolean }>(sql`
    select table_name as name, table_name = 'namespaces' or exists (
      select from information_schema.columns c
      where c.table_schema = 'public' and c.table_name = t.table_name and column_name = 'namespace_id') as is_within
    from information_schema.tables t
    where table_schema = 'public' and table_type = 'BASE TABLE' order by name`);
  const named = (isWithin: boolean) =>
    tables.filter((table) => table.is_within === isWithin).map(({ name }) => name);
  t.same(named(true), namesOf(byNamespace));
  t.same(named(false), namesOf(onCoordinator));
});

test('every key of a distributed table begins with its distribution column', async (t) => {
  const db = openDatabase(t, await createDatabase(t));
  const keys = await db.execute<{ table: string; name: string; first: string }>(sql`
    select indrelid::regclass::text as table, indexrelid::regclass::text as name, attname as first
    from pg_index join pg_attribute on attrelid = indrelid and attnum = indkey[0]
    where indisunique`);
  const distributed = keys.filter(({ table }) => namesOf(byNamespace).includes(table));
  t.ok(distributed.length > byNamespace.length);
  for (const { table, name, first } of distributed) {
    // The script replaces this index by the primary key of `namespace_slugs`.
    if (name !== 'namespaces_slug_unique') t.equal(first, distributionColumn(table), name);
  }

  const foreignKeys = await db.execute<{ source: string; target: string; first: string }>(sql`
    select conrelid::regclass::text as source, confrelid::regclass::text as target, attname as first
    from pg_constraint join pg_attribute on attrelid = conrelid and attnum = conkey[1]
    where contype = 'f'`);
  const isDistributed = ({ source }: { source: string }) => namesOf(byNamespace).includes(source);
  for (const { source, target, first } of foreignKeys.filter(isDistributed)) {
    t.equal(first, 'namespace_id', `${source} to ${target}`);
  }
  const dropped = foreignKeys.filter((key) => !isDistributed(key));
  t.same(dropped, [{ source: 'namespace_slugs', target: 'namespaces', first: 'held_by' }]);
  const triggers = await db.execute(sql`select 1 from pg_trigger where not tgisinternal`);
  t.equal(triggers.length, 0, 'no triggers');
});
