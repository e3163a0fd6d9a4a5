import { createServer } from 'node:net';
import { test } from 'tap';
import { signToken } from '../src/development/token.js';
import { createDatabase, databaseUrl } from './helpers/database.js';
import { fetchInTime } from './helpers/fetch.js';
import { startServer } from './helpers/process.js';
import { waitUntil } from './helpers/wait.js';

const SECRET = 'a secret that is only used by the tests';

test('the server serves requests, logs no token, and exits with 0 on a signal', async (t) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    const DATABASE_URL = await createDatabase(t);
    const server = startServer(t, { DATABASE_URL, JWT_SECRET: SECRET, PORT: '0' });
    const [, origin = ''] = await server.waitFor(/Swagger UI {2}(http:\S+)\/docs/);
    const token = await signToken(SECRET, { subject: 'alice', expiresIn: '1 hour' });
    const answer = await fetchInTime(`${origin}/namespaces`, {
      headers: { authorization: `Bearer ${token}`, 'x-request-id': 'asked-by-a-test' },
    });
    t.equal(answer.status, 200, signal);
    t.equal(answer.headers.get('x-request-id'), 'asked-by-a-test', signal);

    server.child.kill(signal);
    t.equal(await server.ended, 0, signal);
    t.match(server.output(), /"reqId":"asked-by-a-test".*"status":200.*"subject":"alice"/, signal);
    t.notOk(server.output().includes(token), 'the log holds no token');
  }
});

test('the introduction says how to make a token, and prints none, with a configured database and secret', async (t) => {
  const DATABASE_URL = await createDatabase(t);
  const server = startServer(t, { DATABASE_URL, JWT_SECRET: SECRET, PORT: '0' });
  await server.waitFor(/A token: npm run token -- --sub developer, with the same JWT_SECRET set/);
  t.notMatch(server.output(), /export TOKEN|eyJ/);
  server.child.kill('SIGTERM');
  t.equal(await server.ended, 0);
});

test('the introduction names the URL of the keys of a configured issuer', async (t) => {
  const DATABASE_URL = await createDatabase(t);
  const JWT_JWKS_URL = 'http://127.0.0.1:1/jwks';
  const server = startServer(t, { DATABASE_URL, JWT_JWKS_URL, PORT: '0' });
  await server.waitFor(/Tokens come from the issuer whose keys are at http:\/\/127.0.0.1:1\/jwks/);
  t.notMatch(server.output(), /TOKEN|curl/);
  server.child.kill('SIGTERM');
  t.equal(await server.ended, 0);
});

test('the service prints no token in production', async (t) => {
  const DATABASE_URL = await createDatabase(t);
  const NODE_ENV = 'production';
  const server = startServer(t, { DATABASE_URL, JWT_SECRET: SECRET, PORT: '0', NODE_ENV });
  await server.waitFor(/Server listening/);
  server.child.kill('SIGTERM');
  t.equal(await server.ended, 0);
  t.notMatch(server.output(), /TOKEN|curl/);
});

test('a failed start prints its reason without a stack, and exits with 1', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  t.teardown(() => taken.close());
  const address = taken.address();
  const port = address !== null && typeof address === 'object' ? String(address.port) : '';
  const DATABASE_URL = await createDatabase(t);

  const starts = {
    'a taken port': [{ DATABASE_URL, PORT: port }, /^The port is in use\. Set PORT .*$/m],
    'an unreachable database': [
      { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' },
      /^The database of DATABASE_URL cannot be reached: .*$/m,
    ],
    'an address of another machine': [
      { DATABASE_URL, HOST: '192.0.2.1', PORT: '0' },
      /^HOST is not an address of this machine: .*$/m,
    ],
    'an unknown host': [
      { DATABASE_URL, HOST: 'nowhere.invalid', PORT: '0' },
      /^A host name in DATABASE_URL or HOST cannot be resolved: .*$/m,
    ],
    'no such database': [
      { DATABASE_URL: databaseUrl(DATABASE_URL, 'none') },
      /^PostgreSQL reports an error: database "none" does not exist$/m,
    ],
    'wrong settings': [
      { PORT: 'http', LOG_LEVEL: 'loud' },
      /^The configuration is not valid\. PORT must be .* LOG_LEVEL must be .*$/m,
    ],
    'production without settings': [
      { NODE_ENV: 'production' },
      /^The configuration is not valid\. DATABASE_URL is required .* JWT_SECRET or .*$/m,
    ],
  } as const;
  for (const [title, [env, sentence]] of Object.entries(starts)) {
    const server = startServer(t, { JWT_SECRET: title.startsWith('prod') ? '' : SECRET, ...env });
    t.equal(await server.ended, 1, title);
    t.match(server.output().trim(), sentence, title);
    t.notMatch(server.output(), /\n\s+at /, 'no stack');
  }
});

test('a second signal ends the shutdown at once', async (t) => {
  const DATABASE_URL = await createDatabase(t);
  const settings = { NODE_ENV: 'production', PORT: '0', SHUTDOWN_DELAY_MS: '30000' };
  const server = startServer(t, { DATABASE_URL, JWT_SECRET: SECRET, ...settings });
  const [, origin = ''] = await server.waitFor(/Server listening at (http:[^"]+)/);
  server.child.kill('SIGTERM');
  // Two signals at the same time can be delivered as one.
  await waitUntil('the first signal', async () => {
    const { status } = await fetchInTime(`${origin}/readyz`);
    return status === 503;
  });
  server.child.kill('SIGINT');
  // The shutdown of a single signal ends with 0, after its delay.
  t.equal(await server.ended, 1);
});

test('a crash signal ends the process', async (t) => {
  const DATABASE_URL = await createDatabase(t);
  const server = startServer(t, { DATABASE_URL, JWT_SECRET: SECRET, PORT: '0' });
  await server.waitFor(/Server listening/);
  server.child.kill('SIGSEGV');
  t.equal(await server.ended, 'SIGSEGV');
});

test('an uncaught exception is logged, and ends the process with 1', async (t) => {
  const DATABASE_URL = await createDatabase(t);
  const script = "process.once('SIGWINCH', () => { throw new Error('thrown by a test'); })";
  const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(script)}`;
  const server = startServer(t, { DATABASE_URL, JWT_SECRET: SECRET, PORT: '0', NODE_OPTIONS });
  await server.waitFor(/Server listening/);
  server.child.kill('SIGWINCH');
  t.equal(await server.ended, 1);
  t.match(server.output(), /thrown by a test/);
});
