/** Processes that end, hang, or lose their output pipe. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type Test, test } from 'tap';
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

test('a process whose output pipe is closed exits with 0', async (t) => {
  for (const workers of ['1', '2']) {
    const child = spawn(process.execPath, ['dist/server.js'], {
      env: {
        PATH: process.env['PATH'] ?? '',
        DATABASE_URL: await createDatabase(t),
        JWT_SECRET: SECRET,
        PORT: '0',
        WORKERS: workers,
        METRICS_PORT: 'off',
      },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    t.teardown(() => child.kill('SIGKILL'));
    let output = '';
    let origin = '';
    while (origin === '') {
      output += String(await beforeDeadline('the output', once(child.stdout, 'data')));
      origin = /API {9}(http:\S+)/.exec(output)?.[1] ?? '';
    }
    const exited = once(child, 'exit');
    child.stdout.destroy();
    // Each request writes a line into the closed pipe.
    await waitUntil('the end of a process without a reader', async () => {
      const isAnswered = await fetchInTime(`${origin}/namespaces`).then(
        () => true,
        () => false,
      );
      return !isAnswered || child.exitCode !== null;
    });
    const ended = await beforeDeadline('the exit of a process without a reader', exited);
    t.same(ended, [0, null], `${workers} workers`);
  }
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
