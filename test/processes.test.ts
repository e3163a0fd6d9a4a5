/** Processes that end, hang, or lose their output pipe. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, createReadStream, openSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { freePort } from '../src/development/postgres/server.js';
import { signToken } from '../src/development/token.js';
import { SECRET } from './helpers/app.js';
import { createDatabase } from './helpers/database.js';
import { fetchInTime } from './helpers/fetch.js';
import { portOf } from './helpers/issuer.js';
import { startServer } from './helpers/process.js';
import { beforeDeadline, waitUntil } from './helpers/wait.js';
import { startWorkers } from './helpers/workers.js';

/** @returns a service of two workers, and functions that send requests and read its metrics */
async function startCounted(t: Test) {
  const { process: server, port, metricsPort, pids } = await startWorkers(t);
  const scrape = async () => {
    const answer = await fetchInTime(`http://127.0.0.1:${metricsPort}/metrics`);
    const text = await answer.text();
    const answered = /^http_request_duration_seconds_count\{[^}]*livez[^}]*\} (\d+)/m.exec(text);
    const started = /^process_start_time_seconds (\S+)/m.exec(text);
    return {
      status: answer.status,
      livez: Number(answered?.[1] ?? 0),
      startedAt: Number(started?.[1]),
    };
  };
  const sendRequests = async (times: number) => {
    for (let count = 0; count < times; count += 1) {
      await fetchInTime(`http://127.0.0.1:${port}/livez`, { headers: { connection: 'close' } });
    }
  };
  return { server, workers: pids, scrape, sendRequests };
}

test('counters never decrease while workers are replaced, and a scrape succeeds while a worker hangs', async (t) => {
  const { server, workers, scrape, sendRequests } = await startCounted(t);
  await sendRequests(20);
  const first = await scrape();
  t.equal(first.livez, 20);

  const before = workers();
  server.child.kill('SIGUSR2');
  let asked = 20;
  let last = 0;
  await waitUntil('the replacement of both workers', async () => {
    const { status, livez } = await scrape();
    t.equal(status, 200);
    t.ok(livez >= last, `${livez} after ${last}`);
    last = livez;
    await sendRequests(1);
    asked += 1;
    const now = workers();
    return now.length === 2 && !now.some((pid) => before.includes(pid));
  });
  const replaced = await scrape();
  t.equal(replaced.livez, asked, 'with the counts of ended workers');
  t.ok(replaced.startedAt > first.startedAt, 'the start time is that of the newest worker');
  t.ok(replaced.startedAt <= Date.now() / 1000, 'the start time is no sum');

  const [hung = 0] = workers();
  process.kill(hung, 'SIGSTOP');
  const { status, livez } = await scrape();
  process.kill(hung, 'SIGCONT');
  t.equal(status, 200);
  t.equal(livez, asked, 'with the counts of the hung worker at the last scrape');
  server.child.kill('SIGTERM');
  t.equal(await server.ended, 0);
});

/** Starts a service whose standard output is the given one; its standard error is read. */
async function startWithOutput(t: Test, stdout: 'pipe' | number, env: Record<string, string>) {
  const port = await freePort();
  const child = spawn(process.execPath, ['dist/server.js'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      DATABASE_URL: await createDatabase(t),
      JWT_SECRET: SECRET,
      PORT: String(port),
      METRICS_PORT: 'off',
      ...env,
    },
    stdio: ['ignore', stdout, 'pipe'],
  });
  let errors = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
  // Its workers have the same standard error, which is closed when all of them have ended.
  const closed = once(child, 'close');
  t.teardown(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  const statusOf = (path: string) =>
    fetchInTime(`http://127.0.0.1:${port}${path}`).then(
      ({ status }) => status,
      () => null,
    );
  await waitUntil('a service that is ready', async () => {
    if (child.exitCode !== null) throw new Error(`The service ended: ${errors}`);
    return (await statusOf('/readyz')) === 200;
  });
  return { child, port, closed, statusOf, errors: () => errors };
}

/** @returns the path of a full pipe that nobody reads, and a descriptor to write to it */
function fullPipe(t: Test) {
  const path = join(t.testdir(), 'pipe');
  execFileSync('mkfifo', [path]);
  const both = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const written = openSync(path, constants.O_WRONLY);
  t.teardown(() => {
    closeSync(both);
    closeSync(written);
  });
  const bytes = Buffer.alloc(4096);
  const fill = () => {
    for (;;) writeSync(both, bytes);
  };
  t.throws(fill, { code: 'EAGAIN' }, 'the pipe is full');
  return { path, written };
}

const workerCounts = ['1', '2'];

test('a service whose output pipe is closed ends with 1, so that it is restarted', async (t) => {
  for (const WORKERS of workerCounts) {
    const { child, closed, statusOf } = await startWithOutput(t, 'pipe', { WORKERS });
    child.stdout?.destroy();
    // Each request writes a line into the closed pipe.
    await waitUntil('the end of a service without a reader', async () => {
      const status = await statusOf('/namespaces');
      return status === null || child.exitCode !== null;
    });
    const ended = await beforeDeadline('the exit of a service without a reader', closed);
    t.same(ended, [1, null], `${WORKERS} workers`);
  }
});

test('a service whose log is on a full disk serves requests, reports it, and stops', async (t) => {
  for (const WORKERS of workerCounts) {
    const full = openSync('/dev/full', 'w');
    t.teardown(() => {
      closeSync(full);
    });
    const service = await startWithOutput(t, full, { WORKERS });
    await waitUntil('the report of the full disk', async () => {
      t.equal(await service.statusOf('/namespaces'), 401);
      return service.errors().includes('The log cannot be written');
    });
    t.equal(await service.statusOf('/namespaces'), 401);
    service.child.kill('SIGTERM');
    const ended = await beforeDeadline('the end of a service with a full disk', service.closed);
    t.same(ended, [0, null], `${WORKERS} workers`);
    t.match(service.errors(), /continues: ENOSPC/);
  }
});

test('a service whose output is not read serves requests, and stops in time', async (t) => {
  for (const WORKERS of workerCounts) {
    const service = await startWithOutput(t, fullPipe(t).written, { WORKERS });
    t.equal(await service.statusOf('/namespaces'), 401);
    service.child.kill('SIGTERM');
    const ended = await beforeDeadline('the end of a service without output', service.closed);
    t.same(ended, [0, null], `${WORKERS} workers: not by its limit, which is an exit with 1`);
  }
});

test('a second signal ends a service whose output is not read at once', async (t) => {
  const settings = { NODE_ENV: 'production', SHUTDOWN_DELAY_MS: '30000' };
  const service = await startWithOutput(t, fullPipe(t).written, settings);
  t.equal(await service.statusOf('/namespaces'), 401);
  service.child.kill('SIGTERM');
  await waitUntil('the first signal', async () => (await service.statusOf('/readyz')) === 503);
  service.child.kill('SIGTERM');
  const ended = await beforeDeadline('the end after a second signal', service.closed);
  t.same(ended, [1, null]);
});

test('lines beyond the buffer are dropped and counted while the output is not read', async (t) => {
  const { path, written } = fullPipe(t);
  const service = await startWithOutput(t, written, {});
  const request = `GET /${'x'.repeat(900)} HTTP/1.1\r\nhost: localhost\r\n\r\n`;
  const socket = connect(service.port, '127.0.0.1').resume();
  socket.on('error', () => undefined);
  t.teardown(() => socket.destroy());
  socket.write(request.repeat(10_000));
  await waitUntil('the report of dropped lines', () =>
    service.errors().includes('log and audit lines are dropped'),
  );
  let tail = '';
  let dropped = 0;
  const reader = createReadStream(path, 'utf8').on('data', (text) => {
    tail = tail.slice(-1000) + String(text);
    dropped = Number(/"dropped":(\d+)/.exec(tail)?.[1] ?? dropped);
  });
  t.teardown(() => reader.destroy());
  await waitUntil('the number of dropped lines in the log', () => dropped > 0);
  t.equal(service.errors().split('\n').filter(Boolean).length, 1, 'it is reported once');
  service.child.kill('SIGTERM');
  t.same(await beforeDeadline('the end', service.closed), [0, null]);
});

test('both addresses of localhost are served', async (t) => {
  const DATABASE_URL = await createDatabase(t);
  const server = startServer(t, { DATABASE_URL, JWT_SECRET: SECRET, HOST: 'localhost', PORT: '0' });
  const [, port = ''] = await server.waitFor(/API {9}http:\S+:(\d+)/);
  const token = await signToken(SECRET, { subject: 'olga', expiresIn: '1 hour' });
  const hosts = ['127.0.0.1', '[::1]'];
  for (const host of hosts) {
    const init = { headers: { authorization: `Bearer ${token}` } };
    const answer = await fetchInTime(`http://${host}:${port}/namespaces`, init).catch(() => null);
    if (!answer) {
      t.equal(host, '[::1]', 'only IPv6 may be missing on a machine');
      continue;
    }
    t.equal(answer.status, 200, host);
    const expected = await fetchInTime(`http://${host}:${port}/livez`);
    t.match(expected.headers.get('keep-alive'), /timeout=72/, host);
  }
  server.child.kill('SIGTERM');
  t.equal(await server.ended, 0);
});

test('traces are sent to the configured endpoint, and not when tracing is off', async (t) => {
  const paths: string[] = [];
  const collector = createServer((request, response) => {
    paths.push(String(request.url));
    response.end('{}');
  }).listen(0, '127.0.0.1');
  await once(collector, 'listening');
  t.teardown(() => collector.close());
  const endpoint = `http://127.0.0.1:${portOf(collector.address())}/my/traces`;
  const DATABASE_URL = await createDatabase(t);
  const off = [{ OTEL_SDK_DISABLED: 'true' }, { OTEL_TRACES_EXPORTER: 'none' }];
  for (const env of [...off, {}]) {
    const server = startServer(t, {
      DATABASE_URL,
      JWT_SECRET: SECRET,
      PORT: '0',
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: endpoint,
      ...env,
    });
    const [, origin = ''] = await server.waitFor(/API {9}(http:\S+)/);
    await fetchInTime(`${origin}/namespaces`);
    server.child.kill('SIGTERM');
    const title = JSON.stringify(env);
    t.equal(await server.ended, 0, title);
    t.same(
      [...new Set(paths)],
      'OTEL_SDK_DISABLED' in env || 'OTEL_TRACES_EXPORTER' in env ? [] : ['/my/traces'],
      title,
    );
  }
});
