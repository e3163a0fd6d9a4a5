import { sql } from 'drizzle-orm';
import { getTableConfig, type PgTable } from 'drizzle-orm/pg-core';
import { test } from 'tap';
import { assets } from '../../src/db/schema/assets.js';
import { contentCounters } from '../../src/db/schema/content-counters.js';
import { episodes } from '../../src/db/schema/episodes.js';
import { folders, folderTrees } from '../../src/db/schema/folders.js';
import { formerSpaceSlugs } from '../../src/db/schema/former-slugs.js';
import { members } from '../../src/db/schema/members.js';
import { namespaces } from '../../src/db/schema/namespaces.js';
import { spaceCounters } from '../../src/db/schema/space-counters.js';
import { spaces } from '../../src/db/schema/spaces.js';
import { createDatabase, openDatabase } from '../helpers/database.js';

/** @returns the columns of each primary key and unique index of a table */
function uniqueKeys(table: PgTable): string[][] {
  const { primaryKeys, indexes } = getTableConfig(table);
  const unique = indexes.filter(({ config }) => config.unique);
  return [
    ...primaryKeys.map(({ columns }) => columns.map(({ name }) => name)),
    ...unique.map(({ config }) =>
      config.columns.map((column) => ('name' in column ? String(column.name) : 'an expression')),
    ),
  ];
}

test('every table below a namespace can be distributed by its id', (t) => {
  const inSpaces: PgTable[] = [folders, folderTrees, episodes, assets];
  for (const table of [members, spaces, spaceCounters, formerSpaceSlugs, contentCounters]) {
    const { name, foreignKeys } = getTableConfig(table);
    const keys = uniqueKeys(table);
    t.ok(keys.length > 0, name);
    for (const [first] of keys) t.equal(first, 'namespace_id', `first column of a key of ${name}`);
    for (const key of foreignKeys) {
      t.equal(key.reference().foreignTable, namespaces, `${name} refers only to its namespace`);
    }
  }
  for (const table of inSpaces) {
    const { name, foreignKeys } = getTableConfig(table);
    for (const key of uniqueKeys(table)) {
      t.same(key.slice(0, 2), ['namespace_id', 'space_id'], `first columns of a key of ${name}`);
    }
    for (const key of foreignKeys) {
      const { columns, foreignTable } = key.reference();
      t.ok(inSpaces.concat(spaces).includes(foreignTable), `${name} refers only to its space`);
      t.same(
        columns.slice(0, 2).map((column) => column.name),
        ['namespace_id', 'space_id'],
      );
    }
  }
  t.same(uniqueKeys(spaces), [
    ['namespace_id', 'id'],
    ['namespace_id', 'slug'],
  ]);
  t.same(uniqueKeys(formerSpaceSlugs), [['namespace_id', 'slug']]);
  t.same(uniqueKeys(namespaces), [['slug']], 'next to the id');
  t.end();
});

test('the schema has no triggers', async (t) => {
  const db = openDatabase(t, await createDatabase(t));
  t.same([...(await db.execute(sql`select tgname from pg_trigger where not tgisinternal`))], []);
});
