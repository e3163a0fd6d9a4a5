import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sql } from 'drizzle-orm';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import { type Test, test } from 'tap';
import { isMigrated, migrate } from '../../src/db/migrate.js';
import { createDatabase, openDatabase } from '../helpers/database.js';

/**
 * Runs drizzle-kit, which compares the schema with a copy of the migrations.
 *
 * @param change is applied to the copied snapshots first
 * @returns the missing migration, empty when there is none
 */
async function missingMigration(
  t: Test,
  change: (snapshot: string) => string = (snapshot) => snapshot,
): Promise<string> {
  // drizzle-kit accepts relative paths only.
  const copy = await mkdtemp('.tap/migrations-');
  t.teardown(() => rm(copy, { recursive: true }));
  await cp('drizzle', copy, { recursive: true });
  const before = await readdir(copy);
  for (const name of await readdir(join(copy, 'meta'))) {
    const file = join(copy, 'meta', name);
    await writeFile(file, change(await readFile(file, 'utf8')));
  }
  const args = [
    'node_modules/drizzle-kit/bin.cjs',
    'generate',
    '--dialect=postgresql',
    '--schema=./src/db/schema/*.ts',
    `--out=./${copy}`,
  ];
  // The compilation of TypeScript by drizzle-kit would distort coverage.
  const env = { ...process.env, NODE_V8_COVERAGE: undefined };
  await promisify(execFile)(process.execPath, args, { env });
  const added = (await readdir(copy)).filter((name) => !before.includes(name));
  return (await Promise.all(added.map((name) => readFile(join(copy, name), 'utf8')))).join();
}

test('the migrations produce the schema', async (t) => {
  t.equal(await missingMigration(t), '', 'npm run db:generate writes it');
});

test('a schema change without a migration is reported', async (t) => {
  const missing = await missingMigration(t, (snapshot) =>
    snapshot.replaceAll('"spaces_deleted_index"', '"spaces_older_index"'),
  );
  t.match(missing, /CREATE INDEX "spaces_deleted_index"/);
});

test('each migration has a later time than the one before, because a database skips an earlier one', (t) => {
  const times = readMigrationFiles({ migrationsFolder: 'drizzle' }).map(
    ({ folderMillis }) => folderMillis,
  );
  t.ok(times.length >= 5, `${times.length} migrations`);
  t.same(
    times,
    [...new Set(times)].sort((a, b) => a - b),
  );
  t.end();
});

test('ten parallel starts apply each migration once', async (t) => {
  const url = await createDatabase(t, { empty: true });
  await Promise.all(Array.from({ length: 10 }, () => migrate(url)));
  const db = openDatabase(t, url);
  t.equal(await isMigrated(db), true);
  const applied = await db.execute(
    sql`select hash from drizzle.__drizzle_migrations group by hash having count(*) > 1`,
  );
  t.same([...applied], []);
});
