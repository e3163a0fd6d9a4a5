import type { Socket } from 'node:net';
import { sql } from 'drizzle-orm';
import { test } from 'tap';
import { listen } from '../../helpers/listen.js';
import { isRawProblem } from '../../helpers/problem.js';
import { beforeDeadline, waitUntil } from '../../helpers/wait.js';

const request = (...lines: string[]) => [...lines, '', ''].join('\r\n');
const last = ['Host: test', 'Connection: close'];

test('malformed or ambiguous HTTP gets a problem, and the connection is closed', async (t) => {
  const { exchange, isReady, log, authorization } = await listen(t);
  const post = ['POST /namespaces HTTP/1.1', authorization, 'Content-Type: application/json'];
  const malformed = {
    'not HTTP': '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03 hello\r\n\r\n',
    'an unknown method': request('HACK / HTTP/1.1', ...last),
    'an unknown version': request('GET / HTTP/9.9', ...last),
    'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'a header without a name': request('GET /livez HTTP/1.1', ': nothing', ...last),
    'a space before the colon': request('GET /livez HTTP/1.1', 'X : y', ...last),
    'a NUL in a header': request('GET /livez HTTP/1.1', 'X: a\0b', ...last),
    'a lone line feed': 'GET /livez HTTP/1.1\nHost: test\nX: y\n z\n\n',
    'a folded header': request('GET /livez HTTP/1.1', 'X: y', ' z', ...last),
    'two Content-Lengths': request(...post, 'Content-Length: 2', 'Content-Length: 3', ...last),
    'a list of Content-Lengths': request(...post, 'Content-Length: 2, 2', ...last),
    'a negative Content-Length': request(...post, 'Content-Length: -1', ...last),
    'Content-Length and chunks': request(
      ...post,
      'Content-Length: 6',
      'Transfer-Encoding: chunked',
      ...last,
    ),
    'a coding after chunked': request(...post, 'Transfer-Encoding: chunked, gzip', ...last),
    'a chunk with an invalid length': `${request(...post, 'Transfer-Encoding: chunked', ...last)}zz\r\n{}\r\n0\r\n\r\n`,
    'no Host': request('GET /livez HTTP/1.1', 'Connection: close'),
    'two Hosts': request('GET /livez HTTP/1.1', 'Host: other', ...last),
  };
  for (const [title, bytes] of Object.entries(malformed)) {
    const answers = await exchange(bytes);
    t.equal(answers.length, 1, title);
    isRawProblem(t, answers[0], 'malformed_request', title);
  }
  t.ok(await isReady());
  t.notMatch(log(), /"level":[56]0/, 'no line has the level error or fatal');
});

test('headers or a URL over their limits get 431', async (t) => {
  const { exchange, isReady } = await listen(t);
  const long = 'x'.repeat(20_000);
  for (const lines of [
    [`X: ${long}`],
    Array.from({ length: 1900 }, (_, n) => `X-${n}: 0123456789`),
  ]) {
    const [answer] = await exchange(request('GET /livez HTTP/1.1', ...lines, ...last));
    isRawProblem(t, answer, 'headers_too_large', `${lines.length} headers`);
  }
  const [answer] = await exchange(request(`GET /${long} HTTP/1.1`, ...last));
  isRawProblem(t, answer, 'headers_too_large', 'a URL');
  t.ok(await isReady());
});

test('a request with several tokens or several content types is rejected', async (t) => {
  const { exchange, authorization } = await listen(t);
  const [tokens] = await exchange(
    request('GET /namespaces HTTP/1.1', authorization, authorization, ...last),
  );
  isRawProblem(t, tokens, 'token_invalid', 'two Authorizations');
  const [types] = await exchange(
    `${request(
      'POST /namespaces HTTP/1.1',
      authorization,
      'Content-Type: application/json',
      'Content-Type: text/plain',
      'Content-Length: 2',
      ...last,
    )}{}`,
  );
  isRawProblem(t, types, 'unsupported_media_type', 'two Content-Types');
});

test('hostile bodies are rejected', async (t) => {
  const { exchange, isReady, log, authorization } = await listen(t);
  const post = (body: string) =>
    exchange(
      `${request(
        'POST /namespaces/acme/spaces HTTP/1.1',
        authorization,
        'Content-Type: application/json',
        `Content-Length: ${Buffer.byteLength(body)}`,
        ...last,
      )}${body}`,
    );
  const keys = (count: number) =>
    `{${Array.from({ length: count }, (_, n) => `"${n.toString(36)}":1`).join(',')}}`;
  const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
  const hostile = {
    'a million keys': [keys(1e6), 'body_too_large'],
    'as many keys as fit': [keys(6000), 'validation_failed'],
    'as many keys of metadata as fit': [
      `{"name":"x","metadata":${keys(6000)}}`,
      'validation_failed',
    ],
    'deep nesting': [`{"name":"x","metadata":{"a":${nested(30_000)}}}`, 'validation_failed'],
    'only nesting': [nested(32_000), 'validation_failed'],
    'nesting without an end': ['['.repeat(65_000), 'malformed_body'],
    'the member __proto__': ['{"name":"x","__proto__":{"admin":true}}', 'malformed_body'],
    'the member constructor': [
      '{"name":"x","constructor":{"prototype":{"admin":true}}}',
      'malformed_body',
    ],
    '__proto__ in metadata': ['{"name":"x","metadata":{"__proto__":{}}}', 'malformed_body'],
    '__proto__, escaped': ['{"name":"x","\\u005f_proto__":{}}', 'malformed_body'],
    'a huge number': [`{"name":${'9'.repeat(60_000)}}`, 'validation_failed'],
  } as const;
  for (const [title, [body, code]] of Object.entries(hostile)) {
    const answers = await post(body);
    // The connection of an unread body may be closed before the response arrives.
    if (code !== 'body_too_large' || answers.length > 0) isRawProblem(t, answers[0], code, title);
  }
  t.equal(Reflect.get({}, 'admin'), undefined, 'no prototype is changed');
  t.ok(await isReady());
  t.notMatch(log(), /"level":[56]0/, 'no line has the level error or fatal');
});

test('pipelined requests are answered in order, and a malformed one gets 400', async (t) => {
  const { exchange, isReady } = await listen(t);
  const get = request('GET /livez HTTP/1.1', 'Host: test');
  const answers = await exchange(get + get + request('GET /nowhere HTTP/1.1', ...last));
  t.same(
    answers.map(({ status }) => status),
    [200, 200, 404],
  );
  const broken = await exchange(`${get}${'\0garbage'.repeat(1000)}`);
  t.same(
    broken.map(({ status }) => status),
    [200, 400],
  );
  t.ok(await isReady());
});

test('malformed bytes behind a request get 400 after the response to the request', async (t) => {
  const { service, exchange, authorization } = await listen(t);
  const get = request('GET /namespaces/acme HTTP/1.1', authorization, 'Host: test');
  const post = request(
    'POST /namespaces HTTP/1.1',
    authorization,
    'Content-Type: application/json',
    'Content-Length: 14',
    'Host: test',
  );
  const rows: Record<string, [string, number[]]> = {
    'behind a read': [`${get}\0garbage`, [200, 400]],
    'behind two reads': [`${get}${get}\0garbage`, [200, 200, 400]],
    'a body that is longer than its Content-Length': [`${post}{"slug":"new"}}}`, [201, 400]],
  };
  for (const [title, [bytes, expected]] of Object.entries(rows)) {
    const answers = await exchange(bytes);
    t.same(
      answers.map(({ status }) => status),
      expected,
      title,
    );
    isRawProblem(t, answers.at(-1), 'malformed_request', title);
  }
  const closing = request('GET /namespaces/acme HTTP/1.1', authorization, ...last);
  t.match(await exchange(`${closing}\0garbage`), [{ status: 200 }], 'Connection: close');

  const alice = await service.as('alice');
  t.equal((await alice.get('/namespaces/new')).status, 200, 'the namespace was created');
});

test('malformed bytes in many segments get one 400, and add no listener for each', async (t) => {
  const { service, open, authorization } = await listen(t);
  let errors = 0;
  service.app.server.on('clientError', () => (errors += 1));
  const warnings: string[] = [];
  const onWarning = ({ name }: Error) => warnings.push(name);
  process.on('warning', onWarning);
  t.teardown(() => process.off('warning', onWarning));
  const body = '{"name":"Acme"}';
  const patch = request(
    'PATCH /namespaces/acme HTTP/1.1',
    authorization,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Host: test',
  );
  const connection = await open();
  // The response waits for the lock while the segments arrive.
  await service.db.transaction(async (transaction) => {
    await transaction.execute(sql`select from namespaces where slug = 'acme' for update`);
    connection.write(patch + body);
    for (let segment = 1; segment <= 15; segment += 1) {
      connection.write('\0garbage');
      await waitUntil(`the error of segment ${segment}`, () => Promise.resolve(errors >= segment));
    }
  });
  const answers = await connection.closed;
  t.same(
    answers.map(({ status }) => status),
    [200, 400],
  );
  t.same(warnings, []);
});

test('a request hidden in a body is not executed', async (t) => {
  const { service, exchange, authorization } = await listen(t);
  const hidden = request('DELETE /namespaces/acme HTTP/1.1', authorization, ...last);
  const answers = await exchange(
    `${request(
      'POST /namespaces HTTP/1.1',
      authorization,
      'Content-Type: application/json',
      `Content-Length: ${hidden.length}`,
      ...last,
    )}${hidden}`,
  );
  t.equal(answers.length, 1);
  isRawProblem(t, answers[0], 'malformed_body', 'the body');
  const alice = await service.as('alice');
  t.equal((await alice.get('/namespaces/acme')).status, 200, 'the namespace still exists');
});

test('a slow request gets 408, and the connection is closed', async (t) => {
  const { open, isReady, log, authorization } = await listen(t, {
    connections: { headersTimeout: 200, requestTimeout: 400, checkInterval: 50 },
  });
  const slow = {
    'headers without an end': 'GET /livez HTTP/1.1\r\nHost: test\r\nX: y',
    'a body without an end': `${request(
      'POST /namespaces HTTP/1.1',
      'Host: test',
      authorization,
      'Content-Type: application/json',
      'Content-Length: 100',
    )}{"slug":`,
  };
  for (const [title, bytes] of Object.entries(slow)) {
    const connection = await open();
    connection.write(bytes);
    const answers = await connection.closed;
    t.equal(answers.length, 1, title);
    isRawProblem(t, answers[0], 'request_timeout', title);
  }
  t.ok(await isReady());
  t.notMatch(log(), /"level":[56]0/, 'no line has the level error or fatal');
});

test('a request sent in small pieces gets 408', async (t) => {
  const { open } = await listen(t, {
    connections: { headersTimeout: 200, requestTimeout: 400, checkInterval: 50 },
  });
  const { socket, write, closed } = await open();
  write('GET /livez HTTP/1.1\r\nHost: test\r\n');
  const pieces = setInterval(() => {
    if (socket.writable) write('X: y\r\n');
  }, 20);
  t.teardown(() => {
    clearInterval(pieces);
  });
  const [answer] = await closed;
  isRawProblem(t, answer, 'request_timeout', 'a header every 20 ms');
});

test('the connection of a client that does not read is closed', async (t) => {
  const { service, open, isReady } = await listen(t, { connections: { idleTimeout: 300 } });
  const accepted = new Promise<Socket>((resolve) => service.app.server.once('connection', resolve));
  const { socket, write } = await open();
  const closed = accepted.then((other) => new Promise((resolve) => other.once('close', resolve)));
  socket.pause();
  write(request('GET /openapi.json HTTP/1.1', 'Host: test').repeat(500));
  await beforeDeadline('the server to close a connection', closed);
  t.ok(await isReady());
});

test('connections beyond the limit are closed', async (t) => {
  const { open } = await listen(t, { connections: { maxConnections: 2 } });
  const first = await open();
  await open();
  const third = await open();
  t.same(await third.closed, []);
  first.write(request('GET /livez HTTP/1.1', ...last));
  const [answer] = await first.closed;
  t.equal(answer?.status, 200, 'an earlier connection is still served');
});
