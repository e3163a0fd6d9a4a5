/** Uploads that are rejected while they are sent, framing, and idle connections. */
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'tap';
import type { ProblemCode } from '../../../src/errors.js';
import { processMetrics } from '../../../src/http/observability/metrics.js';
import { fetchInTime } from '../../helpers/fetch.js';
import { listen } from '../../helpers/listen.js';
import { isRawProblem } from '../../helpers/problem.js';
import { rawConnection } from '../../helpers/raw.js';
import { beforeDeadline, waitUntil } from '../../helpers/wait.js';

const request = (...lines: string[]) => [...lines, '', ''].join('\r\n');

/** Reads until the header section of a response has arrived. */
function head(socket: Socket): Promise<string> {
  const received = new Promise<string>((resolve, reject) => {
    let text = '';
    const fail = () => {
      reject(new Error(`The connection closed before the headers of a response: ${text}`));
    };
    socket.once('close', fail);
    socket.on('data', (chunk) => {
      text += String(chunk);
      if (text.includes('\r\n\r\n')) resolve(text);
    });
    socket.resume();
  });
  return beforeDeadline('the headers of a response', received);
}

const UPLOAD_BYTES = 20 * 2 ** 20;
const PIECE = Buffer.alloc(2 ** 16, 'x');

/** Sends a body of 20 MiB to its end, whatever the response. */
async function upload(socket: Socket, isChunked: boolean): Promise<void> {
  for (let sent = 0; sent < UPLOAD_BYTES; sent += PIECE.length) {
    const head = isChunked ? `${PIECE.length.toString(16)}\r\n` : '';
    socket.write(head);
    if (!socket.write(PIECE)) await beforeDeadline('the socket to drain', once(socket, 'drain'));
    if (isChunked) socket.write('\r\n');
  }
  if (isChunked) socket.write('0\r\n\r\n');
}

test('the client receives the status of a rejected upload, whether it reads during or after the upload', async (t) => {
  const { port, authorization } = await listen(t);
  const rows: [number, string[]][] = [
    [401, ['POST /namespaces HTTP/1.1', 'Content-Type: application/json']],
    [413, ['POST /namespaces HTTP/1.1', 'Content-Type: application/json', authorization]],
    [415, ['POST /namespaces HTTP/1.1', 'Content-Type: text/plain', authorization]],
    [404, ['POST /nowhere HTTP/1.1', 'Content-Type: application/json']],
    [405, ['POST /livez HTTP/1.1', 'Content-Type: application/json']],
  ];
  for (const [status, lines] of rows) {
    for (const isChunked of [false, true]) {
      for (const readsLast of [false, true]) {
        const title = `${status}, ${isChunked ? 'chunked' : 'announced'}, read ${readsLast ? 'last' : 'first'}`;
        const { socket } = await rawConnection(t, port);
        if (readsLast) socket.pause();
        const length = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${UPLOAD_BYTES}`;
        socket.write(request(...lines, 'Host: test', length));
        const answer = readsLast ? null : head(socket);
        await upload(socket, isChunked);
        const text = await (answer ?? head(socket));
        t.match(text, new RegExp(`^HTTP/1.1 ${status} `), title);
        socket.destroy();
      }
    }
  }
});

test('a request that expects 100-continue gets its rejection, or 100 Continue before it sends its body', async (t) => {
  const { port, authorization } = await listen(t);
  const body = JSON.stringify({ slug: 'asked' });
  const post = [
    'POST /namespaces HTTP/1.1',
    'Host: test',
    'Content-Type: application/json',
    'Expect: 100-continue',
  ];
  const rejected = await rawConnection(t, port);
  rejected.write(request(...post, 'Content-Length: 70000'));
  t.match(await head(rejected.socket), /^HTTP\/1.1 401 /);

  const large = await rawConnection(t, port);
  large.write(request(...post, authorization, 'Content-Length: 70000'));
  t.match(await head(large.socket), /^HTTP\/1.1 413 /);

  const taken = await rawConnection(t, port);
  taken.write(
    request(...post, authorization, `Content-Length: ${body.length}`, 'Connection: close'),
  );
  t.match(await head(taken.socket), /^HTTP\/1.1 100 /);
  taken.write(body);
  t.same(
    (await taken.closed).map(({ status }) => status),
    [100, 201],
  );
  const made = await fetchInTime(`http://127.0.0.1:${port}/namespaces/asked`, {
    headers: { authorization: authorization.slice('Authorization: '.length) },
  });
  t.equal(made.status, 200);
});

test('invalid framing, Host and Expect get a problem; valid ones are accepted', async (t) => {
  const { port, log } = await listen(t);
  const livez = 'GET /livez HTTP/1.1';
  const post = ['POST /namespaces HTTP/1.1', 'Content-Type: application/json'];
  const rows: [string, ProblemCode | null, string[]][] = [
    ['gzip', 'malformed_request', [...post, 'Host: test', 'Transfer-Encoding: gzip']],
    [
      'gzip, chunked',
      'malformed_request',
      [...post, 'Host: test', 'Transfer-Encoding: gzip, chunked'],
    ],
    ['identity', 'malformed_request', [...post, 'Host: test', 'Transfer-Encoding: identity']],
    ...['', 'a b', 'a/b', 'user@a', 'a:b', 'a,b', '[::1', 'a?b', 'a#b'].map(
      (host): (typeof rows)[number] => [
        `Host ${host}`,
        'malformed_request',
        [livez, `Host: ${host}`],
      ],
    ),
    ...['a', 'a.example', '127.0.0.1:80', '[::1]:80', 'xn--bcher-kva.example', 'a_b'].map(
      (host): (typeof rows)[number] => [`Host ${host}`, null, [livez, `Host: ${host}`]],
    ),
    ['Expect: tea', 'expectation_failed', [livez, 'Host: test', 'Expect: tea']],
    ['Expect: 100-Continue', null, [livez, 'Host: test', 'Expect: 100-Continue']],
  ];
  for (const [title, code, lines] of rows) {
    const connection = await rawConnection(t, port);
    connection.write(request(...lines, 'Connection: close'));
    const [answer] = await connection.closed;
    if (code === null) t.equal(answer?.status, 200, title);
    else isRawProblem(t, answer, code, title);
  }
  t.notMatch(log(), /"level":[56]0/, 'no line has the level error or fatal');
});

test('a request whose body has no delimiter gets 400, and its connection is closed', async (t) => {
  const { port } = await listen(t);
  const connection = await rawConnection(t, port);
  connection.write(
    request(
      'POST /namespaces HTTP/1.1',
      'Host: test',
      'Content-Type: application/json',
      'Transfer-Encoding: gzip, chunked',
    ),
  );
  t.same(
    (await connection.closed).map(({ status }) => status),
    [400],
  );
});

test('an idle connection stays open for its Keep-Alive time, and receives no response without a request', async (t) => {
  const limits = {
    headersTimeout: 300,
    requestTimeout: 400,
    idleTimeout: 200,
    checkInterval: 20,
  };
  const { port } = await listen(t, { connections: { ...limits, keepAliveTimeout: 2000 } });
  const unused = await rawConnection(t, port);
  const used = await rawConnection(t, port);
  const sentAt = performance.now();
  used.write(request('GET /livez HTTP/1.1', 'Host: test'));
  await used.receives();
  t.same(await unused.closed, [], 'no response without a request');
  const [answer, ...others] = await used.closed;
  t.equal(answer?.headers['keep-alive'], 'timeout=2');
  t.same(others, []);
  t.ok(performance.now() - sentAt >= 2000, 'open for the Keep-Alive time');
});

test('a stalled upload that was rejected is closed without a second response', async (t) => {
  const limits = { headersTimeout: 200, requestTimeout: 300, checkInterval: 20 };
  const { port } = await listen(t, { connections: limits });
  const stalled = await rawConnection(t, port);
  stalled.write(request('POST /nowhere HTTP/1.1', 'Host: test', 'Content-Length: 100'));
  t.same(
    (await stalled.closed).map(({ status }) => status),
    [404],
  );
});

test('the connection of a client that stops reading is closed; one that reads stays open', async (t) => {
  const { service, port } = await listen(t, {
    connections: { progressTimeout: 300, checkInterval: 20 },
  });
  const connections = () =>
    new Promise<number>((resolve, reject) => {
      service.app.server.getConnections((error, count) => {
        if (error) reject(error);
        else resolve(count);
      });
    });
  const slow = await rawConnection(t, port);
  slow.socket.pause();
  slow.write(request('GET /openapi.json HTTP/1.1', 'Host: test').repeat(100));
  await waitUntil(
    'the end of a connection whose client does not read',
    async () => (await connections()) === 0,
  );
  const reader = await rawConnection(t, port);
  reader.write(
    request('GET /livez HTTP/1.1', 'Host: test').repeat(500) +
      request('GET /livez HTTP/1.1', 'Host: test', 'Connection: close'),
  );
  t.equal((await reader.closed).length, 501);
});

test('a connection beyond the limit of its address is closed', async (t) => {
  const { port } = await listen(t, { connections: { maxConnectionsPerAddress: 2 } });
  const [one, two] = [await rawConnection(t, port), await rawConnection(t, port)];
  const third = await rawConnection(t, port);
  t.same(await third.closed, []);
  one.socket.destroy();
  await one.closed;
  two.write(request('GET /livez HTTP/1.1', 'Host: test', 'Connection: close'));
  t.equal((await two.closed)[0]?.status, 200);
  const again = await rawConnection(t, port);
  again.write(request('GET /livez HTTP/1.1', 'Host: test', 'Connection: close'));
  t.equal((await again.closed)[0]?.status, 200, 'a closed connection no longer counts');
});

test('requests of closed pipelined connections are no longer in flight', async (t) => {
  const registry = processMetrics();
  const { service, port, authorization } = await listen(t, {
    metrics: { registry, served: true },
  });
  const inFlight = async () => {
    const { text } = await service.send({ method: 'GET', path: '/metrics' });
    return Number(/^http_requests_in_flight (\d+)/m.exec(text)?.[1]);
  };
  t.equal(await inFlight(), 1, 'the scrape itself');
  for (let index = 0; index < 5; index += 1) {
    const connection = await rawConnection(t, port);
    connection.write(request('GET /namespaces HTTP/1.1', 'Host: test', authorization).repeat(50));
    connection.socket.destroy();
    await connection.closed;
  }
  await waitUntil(
    'the end of the requests of closed connections',
    async () => (await inFlight()) <= 1,
  );
  t.equal(await inFlight(), 1, 'only the scrape');
});

test('a log line has less than 3,000 characters, however long the path is', async (t) => {
  const { service, log } = await listen(t);
  const owner = await service.as('alice');
  const long = 'x'.repeat(7000);
  const before = log().length;
  for (const path of [
    `/${long}`,
    `/namespaces/${long}`,
    `/namespaces/${long}/projects/${long}`,
    `/namespaces/${long}/members/${long}`,
  ]) {
    await owner.get(path);
    await owner.delete(path);
  }
  const lines = log().slice(before).trim().split('\n');
  t.ok(lines.length >= 8);
  for (const line of lines) t.ok(line.length < 3000, `${line.length} characters`);
});
