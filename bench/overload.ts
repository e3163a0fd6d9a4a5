/**
 * Overload: `npm run bench:overload`. The list of 50 with 1, 2, 5, 10 and 100 times as many clients as
 * the service needs to be busy; each sends its next request when the last was answered, refused or not.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startEmbeddedPostgres } from '../src/db/embedded.js';
import { migrate } from '../src/db/migrate.js';
import { signToken } from '../src/token.js';
import { fill, SUBJECT } from './data.js';
import { residentMiB, startContender } from './processes.js';

const BUSY = 32;
const TIMES = [1, 2, 5, 10, 100];
const SECONDS = 5;
const SECRET = 'a secret that is only used by the benchmark';

/** wrk counts good answers and refusals apart; its latency is that of both. */
const script = `
local threads = {}
function setup(thread) table.insert(threads, thread) end
function init(args) good, refused, other = 0, 0, 0 end
function response(status)
  if status == 200 then good = good + 1
  elseif status == 503 then refused = refused + 1
  else other = other + 1 end
end
function done(summary, latency)
  local thread = threads[1]
  io.write(string.format('%d %d %d %.1f %.1f %d\\n', thread:get('good'), thread:get('refused'),
    thread:get('other'), latency:percentile(99) / 1000, summary.duration / 1e6,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end`;

const directory = await mkdtemp(join(tmpdir(), 'spaces-overload-'));
const server = await startEmbeddedPostgres({ directory, database: 'bench' });
try {
  await migrate(server.url);
  await fill(server.url, 0.01);
  await writeFile(join(directory, 'count.lua'), script);
  const service = await startContender('service', ['dist/server.js'], {
    DATABASE_URL: server.url,
    JWT_SECRET: SECRET,
    NODE_ENV: 'production',
    MIGRATE_ON_START: 'false',
  });
  const token = await signToken(SECRET, { subject: SUBJECT, expiresIn: '1 day' });
  const measure = async (connections: number) => {
    const { stdout } = await promisify(execFile)('wrk', [
      ...['-t1', `-c${connections}`, `-d${SECONDS}s`, '--timeout', '5s'],
      ...['-H', `authorization: Bearer ${token}`, '-s', join(directory, 'count.lua')],
      `${service.origin}/namespaces/fifty/spaces`,
    ]);
    const last = stdout.trim().split('\n').at(-1) ?? '';
    const [good = 0, refused = 0, other = 0, p99Ms = 0, seconds = 1, errors = 0] = last
      .split(' ')
      .map(Number);
    return { good: good / seconds, refused: refused / seconds, failures: other + errors, p99Ms };
  };

  await measure(BUSY);
  let peak = 0;
  console.log('| load | clients | good/s | of the peak | 503/s | p99 ms | failures | MiB |');
  console.log('|---|--:|--:|--:|--:|--:|--:|--:|');
  for (const times of TIMES) {
    const { good, refused, p99Ms, failures } = await measure(BUSY * times);
    peak = Math.max(peak, good);
    const cells = [
      `${times}x`,
      BUSY * times,
      Math.round(good),
      `${Math.round((good / peak) * 100)} %`,
      Math.round(refused),
      p99Ms.toFixed(0),
      failures,
      Math.round(residentMiB(service.pid)),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  await service.stop();
} finally {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
  await rm(server.directory, { recursive: true, force: true });
}
