/**
 * `npm run statements:release`: writes the statements of this version to `test/db/released-statements.json`. A test
 * checks that they run on the schema of the next version. Runs the tests of `test/http` and `test/repositories` on a
 * PostgreSQL that logs its statements. `npm run statements:release -- ../released` does it with another checkout.
 */
import { spawn } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readMigrationFiles } from 'drizzle-orm/migrator';
import postgres from 'postgres';
import { startEmbeddedPostgres } from '../src/development/postgres/index.js';
import { databaseUrl } from './helpers/database.js';
import { statementErrors, STATEMENTS_FILE } from './helpers/released.js';

const settings = {
  fsync: 'off',
  max_connections: '300',
  log_statement: 'all',
  log_parameter_max_length: '0',
  logging_collector: 'on',
  log_destination: 'jsonlog',
  log_directory: 'log',
  log_filename: 'statements',
  log_rotation_size: '0',
};

/** The log entry of a prepared statement; a few statements of the tests are among them, which do no harm. */
const LOGGED = /^execute (?!<unnamed>)[^:]+: (\s*(?:with|select|insert|update|delete)\b[^]*)$/;

/** @returns the statements of the service in a log of PostgreSQL, each once */
function statementsIn(log: string): string[] {
  const found = new Set<string>();
  for (const line of log
    .split('\n')
    .filter((each) => each.includes('"application_name":"spaces"'))) {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== 'object' || entry === null || !('message' in entry)) continue;
    const text = LOGGED.exec(String(entry.message))?.[1];
    if (text !== undefined) found.add(text);
  }
  return [...found].sort();
}

async function runTests(checkout: string, url: string): Promise<void> {
  const names = await readdir(join(checkout, 'test'), { recursive: true });
  const files = names
    .filter((name) => /^(http|repositories)\/.*\.test\.ts$/.test(name))
    .map((name) => join('test', name));
  const tests = spawn('npm', ['test', '--', ...files], {
    cwd: checkout,
    stdio: 'inherit',
    env: { ...process.env, TEST_DATABASE_URL: url },
  });
  const code = await new Promise((resolve) => tests.once('exit', resolve));
  if (code !== 0)
    console.error('Some tests have failed: check whether their statements are missing.');
}

const checkout = process.argv[2] ?? '.';
const directory = await mkdtemp(join(tmpdir(), 'spaces-statements-'));
// When this runs as root, PostgreSQL runs as another user and needs access.
await chmod(directory, 0o755);
const server = await startEmbeddedPostgres({ directory, database: 'released', settings });
try {
  await runTests(checkout, server.url);
  const statements = statementsIn(
    await readFile(join(server.directory, 'data', 'log', 'statements.json'), 'utf8'),
  );
  // Statements about tables that tests create are not those of the service.
  const sql = postgres(databaseUrl(server.url, 'released'), { max: 1, onnotice: () => undefined });
  const migrations = readMigrationFiles({ migrationsFolder: join(checkout, 'drizzle') });
  for (const { sql: parts } of migrations) for (const part of parts) await sql.unsafe(part);
  const foreign = new Set(
    (await statementErrors(sql, statements)).map(({ statement }) => statement),
  );
  await sql.end();
  const released = {
    migratedAt: migrations.at(-1)?.folderMillis,
    statements: statements.filter((statement) => !foreign.has(statement)),
  };
  await writeFile(STATEMENTS_FILE, `${JSON.stringify(released, null, 2)}\n`);
  console.log(`${released.statements.length} statements`);
} finally {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
  await rm(server.directory, { recursive: true, force: true });
}
