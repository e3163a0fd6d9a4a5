import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'tap';
import { ConfigError, loadConfig } from '../../src/config/load.js';

const SECRET = 'a secret of more than thirty-two bytes';

test('without variables the settings are the defaults of development', (t) => {
  t.same(loadConfig({}), {
    production: false,
    host: '127.0.0.1',
    port: 3000,
    database: {
      url: null,
      urlFile: null,
      poolMax: 10,
      statementTimeoutMs: 1000,
      queueMax: 1000,
      prepare: true,
      migrateOnStart: true,
    },
    pageCacheBytes: 64 * 2 ** 20,
    slugHoldDays: 30,
    retentionDays: 30,
    quotas: { namespacesPerSubject: null, spacesPerNamespace: null, membersPerNamespace: null },
    token: { key: null, issuer: null, audience: null },
    workers: 1,
    metricsPort: null,
    traced: false,
    shutdownDelayMs: 0,
    rateLimit: null,
    compression: false,
    publicUrl: null,
    corsOrigins: [],
    logLevel: 'info',
  });
  t.end();
});

test('every variable is read, and an empty one is unset', (t) => {
  const config = loadConfig({
    NODE_ENV: 'production',
    HOST: '0.0.0.0',
    PORT: '8080',
    DATABASE_URL: 'postgresql://user:password@db:5432/spaces',
    JWT_SECRET: '',
    JWT_JWKS_URL: 'https://issuer.example/keys',
    JWT_ISSUER: 'https://issuer.example',
    JWT_AUDIENCE: 'spaces',
    DATABASE_POOL_MAX: '4',
    DATABASE_STATEMENT_TIMEOUT_MS: '250',
    DATABASE_PREPARE: 'false',
    DATABASE_QUEUE_MAX: '50',
    PAGE_CACHE_BYTES: '0',
    NAMESPACE_SLUG_HOLD_DAYS: '0',
    RETENTION_DAYS: '90',
    MAX_NAMESPACES_PER_SUBJECT: '10',
    MAX_SPACES_PER_NAMESPACE: '1000',
    MAX_MEMBERS_PER_NAMESPACE: '50',
    MIGRATE_ON_START: 'false',
    WORKERS: '2',
    METRICS_PORT: '9464',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318',
    SHUTDOWN_DELAY_MS: '3000',
    RATE_LIMIT_MAX: '600',
    RATE_LIMIT_REDIS_URL: 'redis://redis:6379',
    COMPRESSION: 'true',
    PUBLIC_URL: 'https://example.com/api',
    CORS_ORIGINS: 'https://app.example.com, http://localhost:5173,',
    LOG_LEVEL: 'warn',
  });
  t.same(config, {
    production: true,
    host: '0.0.0.0',
    port: 8080,
    database: {
      url: 'postgresql://user:password@db:5432/spaces',
      urlFile: null,
      poolMax: 4,
      statementTimeoutMs: 250,
      queueMax: 50,
      prepare: false,
      migrateOnStart: false,
    },
    pageCacheBytes: 0,
    slugHoldDays: 0,
    retentionDays: 90,
    quotas: { namespacesPerSubject: 10, spacesPerNamespace: 1000, membersPerNamespace: 50 },
    token: {
      key: new URL('https://issuer.example/keys'),
      issuer: 'https://issuer.example',
      audience: 'spaces',
    },
    workers: 2,
    metricsPort: 9464,
    traced: true,
    shutdownDelayMs: 3000,
    rateLimit: { max: 600, redisUrl: 'redis://redis:6379' },
    compression: true,
    publicUrl: new URL('https://example.com/api'),
    corsOrigins: ['https://app.example.com', 'http://localhost:5173'],
    logLevel: 'warn',
  });
  t.end();
});

test('one message names every invalid variable and contains no value', (t) => {
  const wrong = {
    PORT: '65536',
    DATABASE_URL: 'mysql://root:hidden@db',
    JWT_SECRET: 'hidden',
    JWT_JWKS_URL: 'ftp://hidden',
    DATABASE_POOL_MAX: '0',
    DATABASE_STATEMENT_TIMEOUT_MS: '1.5',
    DATABASE_PREPARE: 'yes',
    DATABASE_QUEUE_MAX: '-1',
    SHUTDOWN_DELAY_MS: '1s',
    RATE_LIMIT_MAX: '0',
    RATE_LIMIT_REDIS_URL: 'hidden',
    COMPRESSION: '1',
    PUBLIC_URL: 'https://example.com/api?hidden',
    CORS_ORIGINS: 'https://hidden/',
    MIGRATE_ON_START: '1',
    METRICS_PORT: 'on',
    LOG_LEVEL: 'loud',
  };
  t.throws(() => loadConfig(wrong), ConfigError);
  try {
    loadConfig(wrong);
  } catch (error) {
    const message = String(error);
    for (const name of Object.keys(wrong)) t.ok(message.includes(name), name);
    t.notOk(message.includes('hidden'));
  }
  t.end();
});

test('RATE_LIMIT_REDIS_URL requires RATE_LIMIT_MAX', (t) => {
  t.throws(
    () => loadConfig({ RATE_LIMIT_REDIS_URL: 'redis://redis' }),
    /RATE_LIMIT_REDIS_URL requires RATE_LIMIT_MAX/,
  );
  t.end();
});

test('an origin has the form that browsers send: no path, default port, upper case or pattern', (t) => {
  for (const origin of ['*', 'https://a.example', 'http://[::1]:5173', 'http://localhost:5173']) {
    t.same(loadConfig({ CORS_ORIGINS: origin }).corsOrigins, [origin], origin);
  }
  for (const wrong of [
    'https://a.example/',
    'https://a.example:443',
    'https://A.example',
    'https://*.example',
    'a.example',
    'null',
    'file:///',
    'https://:::',
    'https://a.example https://b.example',
  ]) {
    const both = `https://a.example,${wrong}`;
    t.throws(() => loadConfig({ CORS_ORIGINS: both }), /CORS_ORIGINS must be origins/, wrong);
  }
  t.end();
});

test('production requires the settings that development generates', (t) => {
  t.throws(() => loadConfig({ NODE_ENV: 'production' }), /DATABASE_URL is required.*JWT_SECRET or/);
  t.end();
});

test('a secret and published keys exclude each other', (t) => {
  const both = { JWT_SECRET: SECRET, JWT_JWKS_URL: 'https://issuer.example/keys' };
  t.throws(() => loadConfig(both), /JWT_SECRET and JWT_JWKS_URL are mutually exclusive/);
  t.end();
});

test('a secret has at least 32 bytes', (t) => {
  t.throws(() => loadConfig({ JWT_SECRET: 'x'.repeat(31) }), /at least 32 bytes/);
  t.equal(loadConfig({ JWT_SECRET: 'é'.repeat(16) }).token.key, 'é'.repeat(16));
  t.end();
});

test('a JWT_JWKS_URL that is not a valid URL is rejected', (t) => {
  t.throws(() => loadConfig({ JWT_JWKS_URL: 'https://:::' }), /JWT_JWKS_URL must be a URL/);
  t.end();
});

test('DATABASE_URL may have several hosts, and no target_session_attrs other than that of a primary', (t) => {
  const hosts = (list: string) => `postgres://user:p%40ss@${list}/spaces`;
  for (const DATABASE_URL of [
    hosts('one:5432,two:5433,[::1]:5434'),
    `${hosts('one,two')}?target_session_attrs=primary`,
    `${hosts('one')}?target_session_attrs=read-write`,
  ]) {
    t.equal(loadConfig({ DATABASE_URL }).database.url, DATABASE_URL);
  }
  for (const list of ['one:65536,two', 'one,two:x', 'one,']) {
    t.throws(
      () => loadConfig({ DATABASE_URL: hosts(list) }),
      /DATABASE_URL has an invalid host/,
      list,
    );
  }
  t.throws(
    () => loadConfig({ DATABASE_URL: `${hosts('one,two')}?target_session_attrs=standby` }),
    /DATABASE_URL supports only target_session_attrs=primary or =read-write/,
  );
  t.end();
});

test('the database URL and the secret are read from files, and an invalid file is named', async (t) => {
  const directory = t.testdir({
    url: 'postgres://a:b@db/spaces\n',
    jwt: `${SECRET}\n\nold ${SECRET}\n`,
  });
  const [DATABASE_URL_FILE, JWT_SECRET_FILE] = [join(directory, 'url'), join(directory, 'jwt')];
  const files = { NODE_ENV: 'production', DATABASE_URL_FILE, JWT_SECRET_FILE };
  t.match(loadConfig(files), {
    database: { url: 'postgres://a:b@db/spaces', urlFile: DATABASE_URL_FILE },
    token: { key: SECRET, secretFile: JWT_SECRET_FILE },
  });

  const fails = (env: Record<string, string>, message: RegExp) => {
    t.throws(() => loadConfig({ ...files, ...env }), message);
  };
  fails({ JWT_SECRET: SECRET }, /JWT_SECRET and JWT_SECRET_FILE are mutually exclusive/);
  fails({ JWT_JWKS_URL: 'https://issuer.example' }, /JWT_SECRET and JWT_JWKS_URL are mutually/);
  fails(
    { DATABASE_URL_FILE: join(directory, 'none') },
    /valid\. DATABASE_URL_FILE cannot[^.]*ENOENT/,
  );
  await writeFile(JWT_SECRET_FILE, `${SECRET}\nhidden`);
  fails({}, /JWT_SECRET_FILE cannot be used: .* at least 32 bytes\.$/);
  await writeFile(JWT_SECRET_FILE, '\n');
  fails({}, /JWT_SECRET_FILE cannot be used: .* contains no secret\.$/);
  await writeFile(DATABASE_URL_FILE, 'mysql://hidden');
  fails({}, /DATABASE_URL must be a URL/);
});
