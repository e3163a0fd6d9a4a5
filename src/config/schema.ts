import { Type } from '@sinclair/typebox';

export const MINIMUM_SECRET_BYTES = 32;

/** The largest value of a counter: PostgreSQL's `integer`. */
const QUOTA_MAX = 2 ** 31 - 1;

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/**
 * The configuration: environment variables only. `npm run docs` generates the table in docs/operations.md from
 * these descriptions.
 */
export const Environment = Type.Object({
  NODE_ENV: Type.Optional(
    Type.String({
      description:
        '`development`, `test` or unset: the service starts its own database and generates a JWT secret where none is configured. Any other value counts as `production`: `DATABASE_URL` and `JWT_SECRET` or `JWT_JWKS_URL` are required.',
    }),
  ),
  HOST: Type.String({
    default: '127.0.0.1',
    description: 'The address or host name to listen on.',
  }),
  PORT: Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: 3000,
    description: 'The port to listen on; 0 selects a free one.',
  }),
  DATABASE_URL: Type.Optional(
    Type.String({
      pattern: '^postgres(ql)?://.+',
      description:
        'The database, PostgreSQL 15 or later: `postgres://user:password@host:port/database`. With several hosts (`@one:5432,two:5432/`) the primary is used. Unset: the embedded PostgreSQL in `.data/`.',
    }),
  ),
  DATABASE_URL_FILE: Type.Optional(
    Type.String({
      description:
        'A file that contains the URL, instead of `DATABASE_URL`. Each new connection reads the user, the password and the certificates again; other changes need a restart.',
    }),
  ),
  JWT_SECRET: Type.Optional(
    Type.String({
      description: `The shared secret of HS256 tokens, at least ${MINIMUM_SECRET_BYTES} bytes. Unset outside production: a secret is generated and stored in \`.data/\`.`,
    }),
  ),
  JWT_SECRET_FILE: Type.Optional(
    Type.String({
      description:
        'A file that contains the secret, instead of `JWT_SECRET`. For a rotation it may contain several, one per line: tokens of each are accepted. The file is read again when it changes.',
    }),
  ),
  JWT_JWKS_URL: Type.Optional(
    Type.String({
      pattern: '^https?://.+',
      description:
        'The URL of the public keys (JWKS) of the token issuer, for RS256, ES256 and EdDSA tokens; instead of `JWT_SECRET`.',
    }),
  ),
  JWT_ISSUER: Type.Optional(
    Type.String({ description: 'The `iss` claim that a token must have. Unset: not checked.' }),
  ),
  JWT_AUDIENCE: Type.Optional(
    Type.String({ description: 'The `aud` claim that a token must have. Unset: not checked.' }),
  ),
  DATABASE_POOL_MAX: Type.Integer({
    minimum: 2,
    maximum: 1000,
    default: 10,
    description:
      'Maximum number of connections to PostgreSQL, per process or worker, and one more while it runs the retention. A fifth of them is reserved for searches: lists with filters and deep pages.',
  }),
  DATABASE_STATEMENT_TIMEOUT_MS: Type.Integer({
    minimum: 1,
    maximum: 600_000,
    default: 1000,
    description:
      'Statement timeout in milliseconds. PostgreSQL cancels a statement that runs longer; the service abandons one without a response 250 ms later. It is also the connect timeout, but at least 1 and at most 10 seconds.',
  }),
  DATABASE_QUEUE_MAX: Type.Integer({
    minimum: 0,
    maximum: 100_000,
    default: 1000,
    description:
      'Maximum number of requests that wait for the database, and as many searches again. A request waits for at most 500 ms; further requests are rejected with 503.',
  }),
  PAGE_CACHE_BYTES: Type.Integer({
    minimum: 0,
    maximum: 16 * 2 ** 30,
    default: 64 * 2 ** 20,
    description:
      'Size of the cache of rendered list pages in bytes, per process; 0 disables it. Each response is checked against PostgreSQL, so that none is stale.',
  }),
  NAMESPACE_SLUG_HOLD_DAYS: Type.Integer({
    minimum: 0,
    maximum: 36_500,
    default: 30,
    description:
      'Number of days for which a slug that a namespace released, by a rename or its deletion, is reserved for its last owners.',
  }),
  RETENTION_DAYS: Type.Integer({
    minimum: 0,
    maximum: 36_500,
    default: 30,
    description:
      'Number of days for which deleted namespaces, spaces, episodes and assets can be restored; after that they are erased permanently. 0: they are never erased.',
  }),
  MAX_NAMESPACES_PER_SUBJECT: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: QUOTA_MAX,
      description:
        'Maximum number of active namespaces that one token subject has created. Unset: no limit.',
    }),
  ),
  MAX_SPACES_PER_NAMESPACE: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: QUOTA_MAX,
      description:
        'Maximum number of active spaces in a namespace; set the same value for all processes. Writes of spaces in one namespace are then serialized. Unset: no limit.',
    }),
  ),
  MAX_MEMBERS_PER_NAMESPACE: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: QUOTA_MAX,
      description: 'Maximum number of members of a namespace. Unset: no limit.',
    }),
  ),
  DATABASE_PREPARE: Type.Boolean({
    default: true,
    description:
      'Whether statements are prepared. Set `false` behind a pooler that does not support prepared statements, such as PgBouncer before 1.21 in transaction mode; see "Behind a pooler".',
  }),
  MIGRATE_ON_START: Type.Boolean({
    default: true,
    description: 'Whether the service applies missing migrations when it starts.',
  }),
  WORKERS: Type.Integer({
    minimum: 1,
    maximum: 256,
    default: 1,
    description:
      'Number of worker processes that share the port, for example one per core; each has its own connection pool. The signal SIGUSR2 replaces them one after another; with 1 it stops the service.',
  }),
  METRICS_PORT: Type.Optional(
    Type.Union([Type.Integer({ minimum: 0, maximum: 65535 }), Type.Literal('off')], {
      description:
        'The port of `GET /metrics`. Unset: `PORT`. A number: that port only. `off`: metrics are disabled.',
    }),
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(
    Type.String({
      pattern: '^https?://.+',
      description:
        'The endpoint that traces are sent to (OTLP over HTTP, such as `http://localhost:4318`). See "Traces" for the other variables of OpenTelemetry. Unset: tracing is off.',
    }),
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: Type.Optional(
    Type.String({
      pattern: '^https?://.+',
      description: 'The endpoint for traces only, used as is, including its path.',
    }),
  ),
  OTEL_EXPORTER_OTLP_PROTOCOL: Type.Optional(
    Type.Literal('http/json', {
      description: 'The protocol of the exporter. Only `http/json` is supported.',
    }),
  ),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: Type.Optional(
    Type.Literal('http/json', {
      description: 'The protocol of the exporter. Only `http/json` is supported.',
    }),
  ),
  OTEL_TRACES_EXPORTER: Type.Optional(
    Type.Union([Type.Literal('otlp'), Type.Literal('none')], {
      description: '`none`: tracing is off, even if an endpoint is set.',
    }),
  ),
  OTEL_SDK_DISABLED: Type.Boolean({
    default: false,
    description: '`true`: tracing is off, even if an endpoint is set.',
  }),
  SHUTDOWN_DELAY_MS: Type.Integer({
    minimum: 0,
    maximum: 600_000,
    default: 1000,
    description:
      'In production, how long a process still accepts requests after the signal to stop, in milliseconds. `/readyz` is 503 meanwhile, so that load balancers stop sending requests first.',
  }),
  RATE_LIMIT_MAX: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000_000,
      description:
        'Maximum number of requests per minute of one token subject; further requests are 429. Unset: no limit.',
    }),
  ),
  RATE_LIMIT_REDIS_URL: Type.Optional(
    Type.String({
      pattern: '^rediss?://.+',
      description:
        'The Redis in which all replicas count requests together. Unset: each process counts on its own. While Redis cannot be reached, requests are not limited.',
    }),
  ),
  COMPRESSION: Type.Boolean({
    default: false,
    description:
      'Whether responses of 1 KiB and more are compressed (Brotli or gzip) for clients that accept it. Behind a proxy, let the proxy compress instead.',
  }),
  PUBLIC_URL: Type.Optional(
    Type.String({
      pattern: '^https?://[^?#]+$',
      description:
        'The URL at which callers reach the service through a proxy, such as `https://example.com/api`. Its path is the prefix of paths in `Location`, `Link` and `instance`, and it is the server of the OpenAPI document. Unset: `/`.',
    }),
  ),
  CORS_ORIGINS: Type.Optional(
    Type.String({
      description:
        'The origins that may call the service from a browser (CORS), such as `https://app.example.com`, separated by commas, or `*`. Unset: none except `/docs`.',
    }),
  ),
  LOG_LEVEL: Type.Union(
    LOG_LEVELS.map((level) => Type.Literal(level)),
    { default: 'info', description: 'Minimum level of log lines (pino).' },
  ),
});
