/**
 * The benchmark: `npm run bench`, or `npm run bench -- --quick` for a short run of two minutes.
 *
 * Rounds of the candidates are interleaved, because the speed of a shared machine varies: compare ratios within one run,
 * as medians of the rounds. The results are written to `bench/results/`.
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { migrate } from '../src/db/migrate.js';
import { startEmbeddedPostgres } from '../src/development/postgres/index.js';
import { signToken } from '../src/development/token.js';
import { startBun } from './bun.js';
import { startChurn } from './churn.js';
import { BARE, fill, type NamespaceName, PAGES, sizes, SPREAD, SUBJECT } from './data.js';
import { generator, type Load, type Result, run, type Write } from './load.js';
import { median } from './median.js';
import { type BareStatement, pgbenchInstalled, runPgbench } from './pgbench.js';
import {
  type Candidate,
  cpuSeconds,
  emptyStartMs,
  residentMiB,
  startCandidate,
} from './processes.js';
import { type Measurement, type Table, writeReport } from './report.js';

const quick = process.argv.includes('--quick');
const plan = quick
  ? { starts: 1, scale: 0.05, rounds: 2, seconds: 1, requests: [1e4, 2e4], memorySeconds: 2 }
  : { starts: 9, scale: 1, rounds: 5, seconds: 3, requests: [1e5, 1e6], memorySeconds: 5 };

const CONNECTIONS = 32;

/** Twice as many, so that each of two workers has as many connections as the single process. */
const WORKER_CONNECTIONS = 64;

/** The connections of the service to PostgreSQL, and of pgbench. */
const POOL = 10;
const SECRET = 'a secret that is only used by the benchmark';

function progress(words: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${words}\n`);
}

/** @returns the size of the page cache of a service, from its metrics */
async function pageCacheBytes(origin: string): Promise<number> {
  const metrics = await (await fetch(`${origin}/metrics`)).text();
  return Number(/^page_cache_bytes (\d+)/m.exec(metrics)?.[1] ?? NaN);
}

const directory = await mkdtemp(join(tmpdir(), 'spaces-bench-'));
const server = await startEmbeddedPostgres({
  directory,
  database: 'bench',
  settings: { shared_buffers: '1GB', max_connections: '200' },
});
const postmaster = Number(
  (await readFile(join(server.directory, 'data', 'postmaster.pid'), 'utf8')).split('\n', 1)[0],
);
const started: Candidate[] = [];

try {
  await migrate(server.url);
  const env = {
    DATABASE_URL: server.url,
    JWT_SECRET: SECRET,
    NODE_ENV: 'production',
    DATABASE_POOL_MAX: String(POOL),
  };
  const starts: number[] = [];
  const emptyStarts: number[] = [];
  for (let round = 1; round <= plan.starts; round += 1) {
    const started = await startCandidate('service', ['dist/server.js'], env);
    await started.stop();
    starts.push(started.startMs);
    emptyStarts.push(emptyStartMs());
    progress(`start ${round} of ${plan.starts}: ${Math.round(started.startMs)} ms`);
  }

  progress('filling the database');
  await fill(server.url, plan.scale);
  const start = async (name: string, args: string[], more: Record<string, string> = {}) => {
    const candidate = await startCandidate(name, args, { ...env, ...more });
    started.push(candidate);
    return candidate;
  };
  const service = await start('service', ['dist/server.js']);
  const reference = await start('reference', ['--import', 'tsx', 'bench/reference.ts']);
  const upperBound = await start('upper-bound', ['--import', 'tsx', 'bench/upper-bound.ts']);
  const cold = await start('service, cache off', ['dist/server.js'], { PAGE_CACHE_BYTES: '0' });
  const writer = await start('writer', ['dist/server.js']);
  const bun = await startBun(env);
  if (bun) started.push(bun);

  const token = await signToken(SECRET, { subject: SUBJECT, expiresIn: '1 day' });

  /** Measures one round: the figures of the clients, and the processor time. */
  async function measure(
    candidate: Candidate,
    path: string,
    options: Partial<Load> = {},
  ): Promise<Measurement> {
    const load = {
      url: candidate.origin + path,
      token,
      seconds: plan.seconds,
      connections: CONNECTIONS,
      ...options,
    };
    const before = [cpuSeconds(candidate.pid), cpuSeconds(postmaster)] as const;
    const result = await run(load);
    const after = [cpuSeconds(candidate.pid), cpuSeconds(postmaster)] as const;
    const perRequest = (seconds: number) => (seconds / Math.max(result.requests, 1)) * 1e6;
    return {
      ...result,
      nodeMicroseconds: perRequest(after[0] - before[0]),
      postgresMicroseconds: perRequest(after[1] - before[1]),
    };
  }

  /** Interleaves the rounds of several measurements in alternating order. */
  async function compare(
    title: string,
    entries: Record<string, () => Promise<Measurement>>,
  ): Promise<Table> {
    const inOrder = Object.entries(entries);
    const rounds: Table = Object.fromEntries(inOrder.map(([name]) => [name, []]));
    for (let round = 0; round <= plan.rounds; round += 1) {
      for (const [name, measureOne] of round % 2 === 0 ? inOrder : inOrder.toReversed()) {
        const measurement = await measureOne();
        // The first round is not counted: code is compiled, statements are prepared, and buffers are filled.
        if (round > 0) rounds[name]?.push(measurement);
        progress(
          `${title}, round ${round} of ${plan.rounds}: ${name} ${Math.round(measurement.requestsPerSecond)}/s`,
        );
      }
    }
    return rounds;
  }

  const listOf = (name: NamespaceName, query = '') => `/namespaces/${name}/spaces${query}`;

  const candidates = { reference, ...(bun && { bun }), service };

  /** Measures the same reads of every candidate. */
  const reads = (title: string, path: string, load: Partial<Load>, more = {}) =>
    compare(title, {
      ...Object.fromEntries(
        Object.entries(candidates).map(([name, candidate]) => [
          name,
          () => measure(candidate, path, load),
        ]),
      ),
      ...more,
    });
  const random = { randomPages: PAGES };
  const hot = await reads(
    'hot',
    listOf('fifty'),
    {},
    {
      'upper-bound': () => measure(upperBound, '/upper-bound/fifty/spaces'),
    },
  );
  const spread = await reads('spread', '/', random, {
    'service, cache off': () => measure(cold, '/', random),
  });
  const stopChurn = startChurn(writer.origin, token);
  const churn = await reads('churn', '/', random).finally(stopChurn);
  const keptBytes = await pageCacheBytes(service.origin);

  const workers = await start('two workers', ['dist/server.js'], {
    WORKERS: '2',
    METRICS_PORT: '0',
  });
  const byWorkers = await compare('workers', {
    'one process': () => measure(service, listOf('fifty'), { connections: WORKER_CONNECTIONS }),
    'two workers': () => measure(workers, listOf('fifty'), { connections: WORKER_CONNECTIONS }),
  });

  const bySize = await compare(
    'size',
    Object.fromEntries(
      Object.keys(sizes)
        .filter((name): name is NamespaceName => name in sizes)
        .map((name) => [name, () => measure(service, listOf(name))]),
    ),
  );

  const lastPage = Math.ceil((sizes['1m'] * plan.scale) / 50);
  const byDepth = await compare(
    'depth',
    Object.fromEntries(
      [1, 0.01, 0.25, 0.5, 0.75, 1].map((part, index) => {
        const page = index === 0 ? 1 : Math.round(lastPage * part);
        return [
          `page ${page}`,
          () => measure(service, listOf('1m', `?page=${page}`), { connections: 2 }),
        ];
      }),
    ),
  );

  const write = (candidate: Candidate, write: Write) => () => measure(candidate, '/', { write });
  const bare = (statement: BareStatement) => async () => ({
    ...(await runPgbench(server.url, statement, plan.seconds, POOL)),
    // The processor time of the connections cannot be read after pgbench has ended.
    nodeMicroseconds: NaN,
    postgresMicroseconds: NaN,
  });
  const writes = await compare('writes', {
    'creates into one namespace': write(service, { kind: 'create', namespaces: 1 }),
    [`creates into ${SPREAD} namespaces`]: write(service, { kind: 'create', namespaces: SPREAD }),
    updates: write(service, { kind: 'update', namespace: '1k' }),
    ...(pgbenchInstalled && {
      'bare insert (pgbench)': bare('insert'),
      'bare update (pgbench)': bare('update'),
    }),
  });

  progress('comparing counters with counts');
  const sql = postgres(server.url, { max: 1 });
  const [wrong] = await sql`
    select count(*)::int as namespaces from namespaces n
    where slug <> ${BARE} and (select coalesce(sum(active), 0) from space_counters c where c.namespace_id = n.id)
      <> (select count(*) from spaces s where s.namespace_id = n.id and s.deleted_at is null)`;
  await sql.end();

  const fresh = await start('another service', ['dist/server.js']);
  const memory: Record<string, number> = {};
  const taken: { sent: number; mebibytes: number }[] = [];
  let sent = 0;
  for (const requests of plan.requests) {
    while (sent < requests) {
      const { requests: more }: Result = await measure(fresh, listOf('fifty'), {
        seconds: plan.memorySeconds,
      });
      sent += more;
      taken.push({ sent, mebibytes: residentMiB(fresh.pid) });
      progress(`memory: ${sent} of ${requests} requests`);
    }
    // A median, because the memory varies with garbage collection.
    const last = taken.filter((one) => one.sent > requests / 2);
    memory[`around ${requests} requests`] = median(last.map(({ mebibytes }) => mebibytes));
  }

  await writeReport({
    date: new Date().toISOString().slice(0, 10),
    quick,
    machine: `${availableParallelism()} cores, Node ${process.version}, PostgreSQL 18, ${generator}`,
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim(),
    startMs: { service: median(starts), 'Node alone': median(emptyStarts) },
    tables: { hot, spread, churn, byWorkers, bySize, byDepth, writes },
    keptBytes,
    wrongTotals: Number(wrong?.['namespaces'] ?? 0),
    memory,
  });
} finally {
  for (const candidate of started) await candidate.stop();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
  await rm(server.directory, { recursive: true, force: true });
}
