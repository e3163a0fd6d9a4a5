/**
 * Runs the tests: `npm test`, or `npm test -- test/http/spaces/list.test.ts` for one file.
 *
 * Builds them, because loading each file's TypeScript in a process of its own took a sixth of the time. Starts an
 * embedded PostgreSQL (unless `TEST_DATABASE_URL` names a server whose user may create databases), makes a migrated
 * template that every test file clones, and removes both afterwards.
 * With `--pgbouncer` the services under test connect to PgBouncer in front of it, with `--pgbouncer=prepared` to one that
 * keeps prepared statements (1.21 or later). `PGBOUNCER` names the program where it is not in the path.
 * With `--citus` those of HTTP and of the retention, or the given ones, run on the cluster whose coordinator `TEST_CITUS_URL` names.
 */
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate } from '../src/db/migrate.js';
import { startEmbeddedPostgres } from '../src/development/postgres/index.js';
import { buildTests, testsOf } from './build.js';
import { distribute, joinNodes, nodesOf } from './helpers/citus.js';
import { createDatabaseOn, databaseUrl, dropDatabaseOn } from './helpers/nodes.js';
import { startPgBouncer } from './helpers/pgbouncer.js';
import { runFiles } from './run-files.js';

/** Nothing here has to survive a power cut. */
const settings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
  max_connections: '300',
};

async function startServer(): Promise<{ url: string; stop: () => Promise<void> }> {
  const given = process.env['TEST_DATABASE_URL'];
  if (given) return { url: given, stop: () => Promise.resolve() };
  const directory = await mkdtemp(join(tmpdir(), 'spaces-test-'));
  // When this runs as root, PostgreSQL runs as another user and needs access.
  await chmod(directory, 0o755);
  const server = await startEmbeddedPostgres({ directory, database: 'postgres', settings });
  return {
    url: server.url,
    stop: async () => {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
      await rm(server.directory, { recursive: true, force: true });
    },
  };
}

/**
 * Counts the HTTP requests of the applications under test: those in the tests' own processes and those in the
 * processes that they start.
 */
async function startRequestCounter() {
  const directory = await mkdtemp(join(tmpdir(), 'spaces-requests-'));
  const file = join(directory, 'requests');
  await writeFile(file, '');
  const program = fileURLToPath(new URL('count-requests.js', import.meta.url));
  const options = [process.env['NODE_OPTIONS'], `--import=${program}`];
  return {
    env: {
      TEST_REQUESTS_FILE: file,
      NODE_OPTIONS: options.filter((option) => option !== undefined).join(' '),
    },
    count: async () => (await stat(file)).size,
    stop: () => rm(directory, { recursive: true, force: true }),
  };
}

const POOLED = '--pgbouncer';
const PREPARED = '--pgbouncer=prepared';
const ON_CITUS = '--citus';

/** The tests that run on Citus too, where there is one, and those that run on nothing else. */
const CITUS_TESTS = /test.(http|citus|(repositories.)?retention.test)./;
const CITUS_ALONE = /test.citus./;

/** For coverage, which the bundles of a built test hide. */
const UNBUILT = '--unbuilt';
const isUnbuilt = process.argv.includes(UNBUILT);

/** Runs tests on a server, or on the nodes of a cluster, the coordinator first. */
async function runOn(nodes: string[], files: string[], env: Record<string, string>): Promise<void> {
  const [url = ''] = nodes;
  const template = `spaces_template_${randomUUID().slice(0, 8)}`;
  const requests = await startRequestCounter();
  try {
    await createDatabaseOn(nodes, template, 'template0');
    if (nodes.length > 1) await joinNodes(nodes, template);
    await migrate(databaseUrl(url, template));
    if (nodes.length > 1) await distribute(nodes, template);
    const passed = await runFiles(files, {
      env: { TEST_NODES: nodes.join(' '), TEST_TEMPLATE: template, ...requests.env, ...env },
      loader: isUnbuilt ? ['--import=tsx'] : [],
      // Three servers on one machine take their time.
      timeoutS: nodes.length > 1 ? 1200 : 300,
      countRequests: requests.count,
    });
    if (!passed) process.exitCode = 1;
  } finally {
    await requests.stop();
    await dropDatabaseOn(nodes, template);
  }
}

const flags = [POOLED, PREPARED, UNBUILT, ON_CITUS];
const chosen = process.argv.slice(2).filter((arg) => !flags.includes(arg));
const prepared = process.argv.includes(PREPARED);
const pooled = prepared || process.argv.includes(POOLED);
const files = await (isUnbuilt ? testsOf(chosen) : buildTests(chosen));
const citusUrl = process.env['TEST_CITUS_URL'];

if (!process.argv.includes(ON_CITUS)) {
  const server = await startServer();
  const pooler = pooled ? await startPgBouncer(server.url, { prepared }) : undefined;
  try {
    const others = files.filter((file) => !CITUS_ALONE.test(file));
    const env = pooler && { TEST_POOLER_URL: pooler.url, TEST_POOLER_PREPARES: String(prepared) };
    await runOn([server.url], others, env ?? {});
  } finally {
    await pooler?.stop();
    await server.stop();
  }
}
if (citusUrl) {
  console.log('== on Citus');
  const isGiven = process.argv.includes(ON_CITUS) && chosen.length > 0;
  const isOnCitus = (file: string) => isGiven || CITUS_TESTS.test(file);
  await runOn(await nodesOf(citusUrl), files.filter(isOnCitus), {});
} else if (process.argv.includes(ON_CITUS)) {
  console.error('TEST_CITUS_URL names no coordinator.');
  process.exitCode = 1;
}
