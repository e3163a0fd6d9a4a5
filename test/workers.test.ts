import { rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { test } from 'tap';
import { SECRET } from './helpers/app.js';
import { createDatabase } from './helpers/database.js';
import { startServer } from './helpers/process.js';
import { waitForValue, waitUntil } from './helpers/wait.js';
import { startWorkers } from './helpers/workers.js';

/** The time that a request waits for a response, which an ending worker may not send. */
const TIMEOUT_MS = 5000;

/** Sends on a new connection; the status is 0 without a response. */
function get(port: number, path: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve) => {
    request({ port, path, agent: false, signal: AbortSignal.timeout(TIMEOUT_MS) }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (text += chunk));
      answer.once('end', () => {
        resolve({ status: answer.statusCode ?? 0, text });
      });
    })
      .once('error', (error) => {
        resolve({ status: 0, text: error.message });
      })
      .end();
  });
}

test('workers share a port, and are replaced one after another without losing a request', async (t) => {
  const { process, port, metricsPort, pids } = await startWorkers(t);
  const before = pids();
  t.equal(before.length, 2);

  const answers = new Set<number | string>();
  let stopped = false;
  const callers = Array.from({ length: 4 }, async () => {
    while (!stopped) {
      const { status, text } = await get(port, '/livez');
      answers.add(status || text);
    }
  });
  process.child.kill('SIGUSR2');
  await waitUntil('the replacement of both workers', () => {
    const now = pids();
    return now.length === 2 && !now.some((pid) => before.includes(pid));
  });
  stopped = true;
  await Promise.all(callers);
  t.same(answers, new Set([200]));

  // An attempt fails when a worker ends during it.
  const metrics = await waitForValue('the metrics', async () => {
    const { status, text } = await get(metricsPort, '/metrics');
    return status === 200 ? text : undefined;
  });
  t.match(metrics, /http_request_duration_seconds_count\{.*route="\/livez".*\} \d+/);

  process.child.kill('SIGTERM');
  t.equal(await process.ended, 0);
  t.same(pids(), [], 'no worker is left');
});

test('workers can be replaced after a replacement that failed', async (t) => {
  const secretFile = join(t.testdir(), 'secret');
  await writeFile(secretFile, SECRET);
  const { process, port, pids } = await startWorkers(t, { JWT_SECRET_FILE: secretFile });
  const before = pids();
  await rm(secretFile);
  process.child.kill('SIGUSR2');
  await process.waitFor(/A worker ended before it listened/);
  t.same(pids().sort(), before.sort(), 'a failed replacement leaves the workers as they are');
  t.equal((await get(port, '/readyz')).status, 200);

  await writeFile(secretFile, SECRET);
  process.child.kill('SIGUSR2');
  await waitUntil('the replacement of both workers', () => {
    const now = pids();
    return now.length === 2 && !now.some((pid) => before.includes(pid));
  });
  process.child.kill('SIGTERM');
  t.equal(await process.ended, 0);
});

test('a worker that dies is replaced', async (t) => {
  const { port, pids } = await startWorkers(t);
  const [victim = 0, other] = pids();
  globalThis.process.kill(victim, 'SIGKILL');
  await waitUntil('the replacement of the worker', () => {
    const now = pids();
    return now.length === 2 && !now.includes(victim);
  });
  t.ok(pids().includes(Number(other)), 'the other worker stays');
  t.equal((await get(port, '/readyz')).status, 200);
});

test('a service whose workers cannot start ends with the reason', async (t) => {
  const { port } = await startWorkers(t);
  const second = startServer(t, {
    DATABASE_URL: await createDatabase(t),
    JWT_SECRET: SECRET,
    PORT: String(port),
    METRICS_PORT: 'off',
    WORKERS: '2',
  });
  t.equal(await second.ended, 1);
  t.match(second.output(), /The port is in use/);
});
