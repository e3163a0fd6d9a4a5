/** A rolling restart under constant load loses no request. */
import { Agent, createServer, request as httpRequest } from 'node:http';
import { type Test, test } from 'tap';
import { migrate } from '../../src/db/migrate.js';
import { signToken } from '../../src/development/token.js';
import { SECRET } from '../helpers/app.js';
import { createDatabase } from '../helpers/database.js';
import { fetchInTime } from '../helpers/fetch.js';
import { portOf } from '../helpers/issuer.js';
import { type Running, startServer } from '../helpers/process.js';
import { rawConnection } from '../helpers/raw.js';
import { waitForValue, waitUntil } from '../helpers/wait.js';

interface Backend {
  process: Running;
  port: number;
}

async function startBackend(t: Test, databaseUrl: string, delay: string): Promise<Backend> {
  const process = startServer(t, {
    DATABASE_URL: databaseUrl,
    JWT_SECRET: SECRET,
    NODE_ENV: 'production',
    PORT: '0',
    SHUTDOWN_DELAY_MS: delay,
    MIGRATE_ON_START: 'false',
  });
  const [, port] = await process.waitFor(/Server listening at http:\/\/127\.0\.0\.1:(\d+)/);
  return { process, port: Number(port) };
}

/** Starts a load balancer that sends requests to the ready backends in turn, over kept connections. */
async function startBalancer(
  t: Test,
  backends: Backend[],
): Promise<{ port: number; untilReady: (backend: Backend) => Promise<void> }> {
  const agent = new Agent({ keepAlive: true });
  const ready = new Set<Backend>(backends);
  let turn = 0;
  const stopped = new AbortController();
  const watching = (async () => {
    while (!stopped.signal.aborted) {
      for (const backend of backends) {
        const status = await fetchInTime(`http://127.0.0.1:${backend.port}/readyz`).then(
          async (answer) => {
            await answer.text();
            return answer.status;
          },
          () => 0,
        );
        if (status === 200) ready.add(backend);
        else ready.delete(backend);
      }
    }
  })();
  const server = createServer((incoming, outgoing) => {
    const candidates = backends.filter((backend) => ready.has(backend));
    const { port } = candidates[(turn += 1) % candidates.length] ?? { port: 0 };
    const { method, url, headers } = incoming;
    const upstream = httpRequest({ agent, port, method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, connection: 'keep-alive' });
      answer.pipe(outgoing);
    });
    upstream.once('error', () => outgoing.writeHead(502).end());
    incoming.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(async () => {
    stopped.abort();
    await watching;
    agent.destroy();
    server.closeAllConnections();
    server.close();
  });
  return {
    port: portOf(server.address()),
    untilReady: async (backend) => {
      await waitUntil('a backend that is ready', () => ready.has(backend));
    },
  };
}

test('a rolling restart of two processes behind one port loses no request', async (t) => {
  const databaseUrl = await createDatabase(t);
  await migrate(databaseUrl);
  const backends = await Promise.all([
    startBackend(t, databaseUrl, '1000'),
    startBackend(t, databaseUrl, '1000'),
  ]);
  const { port, untilReady } = await startBalancer(t, backends);
  const authorization = `Bearer ${await signToken(SECRET, { subject: 'alice', expiresIn: '1 hour' })}`;
  const call = async (method: string, path: string, body?: unknown) => {
    const answer = await fetchInTime(`http://127.0.0.1:${port}${path}`, {
      method,
      headers: { authorization, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    await answer.text();
    return answer.status;
  };
  t.equal(await call('POST', '/namespaces', { slug: 'acme' }), 201);

  const statuses = new Map<number, number>();
  let stopped = false;
  let names = 0;
  const clients = Array.from({ length: 6 }, async (_, index) => {
    while (!stopped) {
      const status =
        index === 0
          ? await call('POST', '/namespaces/acme/spaces', { name: `Space ${(names += 1)}` })
          : await call('GET', '/namespaces/acme/spaces');
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  });
  for (const [index, backend] of backends.entries()) {
    backend.process.child.kill('SIGTERM');
    t.equal(await backend.process.ended, 0, `process ${index + 1} ends by itself`);
    const replacement = await startBackend(t, databaseUrl, '1000');
    backends[index] = replacement;
    await untilReady(replacement);
  }
  stopped = true;
  await Promise.all(clients);
  const requests = [...statuses.values()].reduce((sum, count) => sum + count, 0);
  t.comment(
    `${requests} requests during two restarts, by status: ${JSON.stringify([...statuses])}`,
  );
  t.same([...statuses.keys()].sort(), [200, 201], 'every request succeeds');
});

test('a shutdown makes the service not ready, then closes kept connections after a response, then ends the process', async (t) => {
  const databaseUrl = await createDatabase(t);
  const { process, port } = await startBackend(t, databaseUrl, '1500');
  const kept = await rawConnection(t, port);
  const answered = kept.receives();
  kept.write('GET /livez HTTP/1.1\r\nHost: test\r\n\r\n');
  await answered;
  process.child.kill('SIGTERM');

  const notReady = await waitForValue('a service that is not ready', async () => {
    const { status } = await fetchInTime(`http://127.0.0.1:${port}/readyz`);
    return status === 200 ? undefined : status;
  });
  t.equal(notReady, 503);
  t.equal((await fetchInTime(`http://127.0.0.1:${port}/livez`)).status, 200, '/livez');
  kept.write('GET /livez HTTP/1.1\r\nHost: test\r\n\r\n');
  const answers = await kept.closed;
  t.same(
    answers.map((answer) => [answer.status, answer.headers['connection']]),
    [
      [200, 'keep-alive'],
      [200, 'close'],
    ],
  );
  t.equal(await process.ended, 0);
});
