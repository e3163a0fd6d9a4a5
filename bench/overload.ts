/**
 * Overload: `npm run bench:overload`, about two minutes. The list of 50 spaces at 1, 2, 5 and 10 times the load that
 * the service can carry, in two ways:
 *
 * - closed: so many times the clients that keep the service busy. Each sends its next request as soon as the last one
 *   is answered or rejected.
 * - open: so many times the rate of good responses at the peak, independent of the responses, over at most `CALLERS`
 *   connections. A request that is due while all of them wait is not sent, as with the connection pool of a client.
 *   The table has the number of these requests, because they make the load a closed one.
 *
 * The load generator uses a part of the machine. Compare the rows with one another, and not with the rates of wrk.
 */
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate } from '../src/db/migrate.js';
import { startEmbeddedPostgres } from '../src/development/postgres/index.js';
import { signToken } from '../src/development/token.js';
import { fill, SUBJECT } from './data.js';
import type { LoadPlan, LoadResult } from './load-generator.js';
import { median } from './median.js';
import { residentMiB, startCandidate } from './processes.js';

const BUSY = 32;
const TIMES = [1, 2, 5, 10];
const CALLERS = 2000;
const ROUNDS = 3;
const SECONDS = 4;
const SECRET = 'a secret that is only used by the benchmark';

/** The documented limits: the rate as a part of the peak, and the 99th percentile. */
const MIN_OF_PEAK = 0.8;
const MAX_P99_MS = 1000;

interface Row extends LoadResult {
  mib: number;
}

const directory = await mkdtemp(join(tmpdir(), 'spaces-overload-'));
const server = await startEmbeddedPostgres({ directory, database: 'bench' });
const generator = fork(fileURLToPath(new URL('load-generator.ts', import.meta.url)));
try {
  await migrate(server.url);
  await fill(server.url, 0.01);
  const service = await startCandidate('service', ['dist/server.js'], {
    DATABASE_URL: server.url,
    JWT_SECRET: SECRET,
    NODE_ENV: 'production',
    MIGRATE_ON_START: 'false',
  });
  const token = await signToken(SECRET, { subject: SUBJECT, expiresIn: '1 day' });
  const measure = async (clients: number, rate: number | null): Promise<Row> => {
    const port = Number(new URL(service.origin).port);
    const path = '/namespaces/fifty/spaces';
    const load: LoadPlan = { port, path, token, seconds: SECONDS, clients, rate };
    const result = await new Promise<LoadResult>((resolve) => {
      generator.once('message', resolve);
      generator.send(load);
    });
    return { ...result, mib: residentMiB(service.pid) };
  };
  /** @returns the median of each figure over the rounds, and the maximum of the memory */
  const summary = (rows: Row[]): Row => {
    const of = (name: keyof Row) => median(rows.map((row) => row[name]));
    return {
      good: of('good'),
      rejected: of('rejected'),
      unsent: of('unsent'),
      failures: rows.reduce((sum, { failures }) => sum + failures, 0),
      p99Ms: of('p99Ms'),
      lateMs: of('lateMs'),
      mib: Math.max(...rows.map(({ mib }) => mib)),
    };
  };

  for (let round = 0; round < 2; round += 1) await measure(BUSY, null);
  const rows = new Map<string, { rounds: Row[]; clients: number; rate: string }>();
  const add = (name: string, clients: number, rate: number | null, row: Row) => {
    const known = rows.get(name) ?? { rounds: [], clients, rate: '' };
    if (rate !== null) known.rate = String(Math.round(rate));
    known.rounds.push(row);
    rows.set(name, known);
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    let peak = 0;
    for (const times of TIMES) {
      const row = await measure(BUSY * times, null);
      peak = Math.max(peak, row.good);
      add(`closed ${times}x`, BUSY * times, null, row);
    }
    for (const times of TIMES) {
      add(`open ${times}x`, CALLERS, peak * times, await measure(CALLERS, peak * times));
    }
  }
  await service.stop();

  const summaries = Array.from(rows, ([name, row]) => ({ name, ...row, ...summary(row.rounds) }));
  const peak = Math.max(...summaries.map(({ good }) => good));
  console.log(
    '| load | clients | due/s | good/s | of the peak | p99 of the good, ms | 503/s | not sent/s | sent late, ms | failures | MiB |',
  );
  console.log('|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|');
  for (const {
    name,
    clients,
    rate,
    good,
    p99Ms,
    lateMs,
    rejected,
    unsent,
    failures,
    mib,
  } of summaries) {
    const cells = [
      name,
      clients,
      rate,
      Math.round(good),
      `${Math.round((good / peak) * 100)} %`,
      p99Ms.toFixed(0),
      Math.round(rejected),
      Math.round(unsent),
      rate === '' ? '' : lateMs.toFixed(0),
      failures,
      Math.round(mib),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  const failed = summaries.filter(
    ({ good, p99Ms }) => good < MIN_OF_PEAK * peak || p99Ms >= MAX_P99_MS,
  );
  console.log(
    failed.length === 0
      ? 'All at 80 % of the peak or more, p99 of the good responses below a second.'
      : `Beyond the limits: ${failed.map(({ name }) => name).join(', ')}.`,
  );
} finally {
  generator.kill();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
  await rm(server.directory, { recursive: true, force: true });
}
