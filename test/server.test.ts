import { createServer } from 'node:net';
import { test } from 'tap';
import { signToken } from '../src/development/token.js';
import { createDatabase, databaseUrl } from './helpers/database.js';
import { fetchInTime } from './helpers/fetch.js';
import { startServer } from './helpers/process.js';

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

test('with a configured database or secret the introduction prints no token, but how to make one', async (t) => {
  const DATABASE_URL = await createDatabase(t);
  const server = startServer(t, { DATABASE_URL, JWT_SECRET: SECRET, PORT: '0' });
  await server.waitFor(/A token: npm run token -- --sub developer, with the same JWT_SECRET set/);
  t.notMatch(server.output(), /export TOKEN|eyJ/);
  server.child.kill('SIGTERM');
  t.equal(await server.ended, 0);
});

test('with an issuer the introduction names the URL of its keys', async (t) => {
  const DATABASE_URL = await createDatabase(t);
  const JWT_JWKS_URL = 'http://127.0.0.1:1/jwks';
  const server = startServer(t, { DATABASE_URL, JWT_JWKS_URL, PORT: '0' });
  await server.waitFor(/Tokens come from the issuer whose keys are at http:\/\/127.0.0.1:1\/jwks/);
  t.notMatch(server.output(), /TOKEN|curl/);
  server.child.kill('SIGTERM');
  t.equal(await server.ended, 0);
});

test('production prints no token', async (t) => {
  const DATABASE_URL = await createDatabase(t);
  const NODE_ENV = 'production';
  const server = startServer(t, { DATABASE_URL, JWT_SECRET: SECRET, PORT: '0', NODE_ENV });
  await server.waitFor(/Server listening/);
  server.child.kill('SIGTERM');
  t.equal(await server.ended, 0);
  t.notMatch(server.output(), /TOKEN|curl/);
});

test('a failed start prints its reason in one sentence', async (t) => {
  const taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  t.teardown(() => taken.close());
  const address = taken.address();
  const port = address !== null && typeof address === 'object' ? String(address.port) : '';
  const DATABASE_URL = await createDatabase(t);

  const starts = {
    'a port that is taken': [{ DATABASE_URL, PORT: port }, /^The port is in use\. Set PORT .*$/m],
    'no database there': [
      { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' },
      /^The database of DATABASE_URL cannot be reached: .*$/m,
    ],
    'a host that is none of ours': [
      { DATABASE_URL, HOST: '192.0.2.1', PORT: '0' },
      /^HOST is not an address of this machine: .*$/m,
    ],
    'a host that is not known': [
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
  for (const [why, [env, sentence]] of Object.entries(starts)) {
    const server = startServer(t, { JWT_SECRET: why.startsWith('prod') ? '' : SECRET, ...env });
    t.equal(await server.ended, 1, why);
    t.match(server.output().trim(), sentence, why);
    t.notMatch(server.output(), /\n\s+at /, 'no stack');
  }
});

test('a second signal ends the shutdown at once', async (t) => {
  const DATABASE_URL = await createDatabase(t);
  const server = startServer(t, { DATABASE_URL, JWT_SECRET: SECRET, PORT: '0' });
  await server.waitFor(/Server listening/);
  server.child.kill('SIGTERM');
  server.child.kill('SIGINT');
  t.not(await server.ended, null);
});

test('an uncaught exception ends the process', async (t) => {
  const DATABASE_URL = await createDatabase(t);
  const server = startServer(t, { DATABASE_URL, JWT_SECRET: SECRET, PORT: '0' });
  await server.waitFor(/Server listening/);
  server.child.kill('SIGSEGV');
  t.equal(await server.ended, 'SIGSEGV');
});
