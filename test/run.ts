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
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { migrate } from '../src/db/migrate.js';
import { startEmbeddedPostgres } from '../src/development/postgres/index.js';
import { buildTests, OUTPUT, testsOf } from './build.js';
import { distribute, joinNodes, nodesOf } from './helpers/citus.js';
import { createDatabaseOn, databaseUrl, dropDatabaseOn } from './helpers/nodes.js';
import { startPgBouncer } from './helpers/pgbouncer.js';

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

/**
 * Runs tap and prints each file when it ends, with its failures; at the end the checks that were not made, the number
 * of HTTP requests, and how many assertions passed and failed. Tap's own reporters print less without a terminal.
 *
 * @returns the exit code of tap
 */
async function runTap(
  files: string[],
  env: Record<string, string>,
  countRequests: () => Promise<number>,
  options: string[],
): Promise<number> {
  const program = join('node_modules', 'tap', 'dist', 'esm', 'run.mjs');
  const tap = spawn(
    process.execPath,
    [
      program,
      '--reporter=tap',
      ...(isUnbuilt ? ['--node-arg=--import=tsx'] : []),
      ...options,
      ...files,
    ],
    {
      stdio: ['inherit', 'pipe', 'inherit'],
      env: { ...process.env, ...env },
    },
  );
  const ended = new Promise<number>((resolve, reject) => {
    tap.once('error', reject);
    tap.once('exit', (code) => {
      resolve(code ?? 1);
    });
  });
  // Ctrl-C reaches tap by itself; this process has to outlive it to clean up.
  process.on('SIGINT', () => undefined);
  process.on('SIGTERM', () => tap.kill('SIGTERM'));

  const unchecked: string[] = [];
  let counts = '';
  let failing = false;
  for await (const line of createInterface({ input: tap.stdout })) {
    const text = line.trimStart();
    // The details of a failure follow it, between --- and three dots.
    if (text.startsWith('not ok ')) failing = true;
    if (failing || /^ok .* # time=/.test(line)) {
      console.log(line.replace(` - ${OUTPUT}/`, ' - ').replace('.test.js', '.test.ts'));
    }
    if (text === '...' || /^(ok|# Subtest) /.test(text)) failing = false;
    if (text.startsWith('# NOT CHECKED')) unchecked.push(text.slice(2));
    if (line.startsWith('# {')) counts = line;
  }
  const count = (name: string) => new RegExp(`${name}: (\\d+)`).exec(counts)?.[1] ?? '0';
  const code = await ended;
  for (const what of unchecked) console.log(what);
  console.log(`${await countRequests()} HTTP requests`);
  console.log(`${count('pass')} passed, ${count('fail')} failed`);
  return code;
}

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
    const code = await runTap(
      files,
      { TEST_NODES: nodes.join(' '), TEST_TEMPLATE: template, ...requests.env, ...env },
      requests.count,
      // Three servers on one machine take their time.
      nodes.length > 1 ? ['--timeout=1200'] : [],
    );
    process.exitCode ||= code;
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
