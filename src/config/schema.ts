import { Type } from '@sinclair/typebox';

export const MINIMUM_SECRET_BYTES = 32;

/** The largest value of a counter, PostgreSQL's `integer`. */
const QUOTA_MAX = 2 ** 31 - 1;

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/**
 * The configuration, which is environment variables and nothing else. The table in
 * docs/operations.md is made from these descriptions.
 */
export const Environment = Type.Object({
  NODE_ENV: Type.Optional(
    Type.String({
      description:
        '`development`, `test` or unset for a service that makes up what is missing. Anything else counts as `production`: `DATABASE_URL` and a key for tokens are required.',
    }),
  ),
  HOST: Type.String({ default: '127.0.0.1', description: 'The address to listen on.' }),
  PORT: Type.Integer({
    minimum: 0,
    maximum: 65535,
    default: 3000,
    description: 'The port to listen on; 0 takes a free one.',
  }),
  DATABASE_URL: Type.Optional(
    Type.String({
      pattern: '^postgres(ql)?://.+',
      description:
        'PostgreSQL 15 or later, `postgres://user:password@host:port/database`, or several hosts, `@one:5432,two:5432/`, of which the primary is used. Unset: the embedded PostgreSQL in `.data/`.',
    }),
  ),
  DATABASE_URL_FILE: Type.Optional(
    Type.String({
      description:
        'A file that holds the URL, instead of `DATABASE_URL`. Each new connection takes the password that the file has then.',
    }),
  ),
  JWT_SECRET: Type.Optional(
    Type.String({
      description: `The shared secret of HS256 tokens, at least ${MINIMUM_SECRET_BYTES} bytes. Unset outside production: one is made and kept in \`.data/\`.`,
    }),
  ),
  JWT_SECRET_FILE: Type.Optional(
    Type.String({
      description:
        'A file that holds the secret, instead of `JWT_SECRET`; or several, one a line, while they are rotated: tokens of each are accepted. Read again when it changes.',
    }),
  ),
  JWT_JWKS_URL: Type.Optional(
    Type.String({
      pattern: '^https?://.+',
      description:
        'Where the issuer publishes its public keys, for RS256, ES256 and EdDSA tokens; instead of the secret.',
    }),
  ),
  JWT_ISSUER: Type.Optional(
    Type.String({ description: 'The `iss` a token must have. Unset: any.' }),
  ),
  JWT_AUDIENCE: Type.Optional(
    Type.String({ description: 'The `aud` a token must have. Unset: any.' }),
  ),
  DATABASE_POOL_MAX: Type.Integer({
    minimum: 2,
    maximum: 1000,
    default: 10,
    description: 'The most connections to PostgreSQL; a fifth of them is for lists with filters.',
  }),
  DATABASE_STATEMENT_TIMEOUT_MS: Type.Integer({
    minimum: 1,
    maximum: 600_000,
    default: 1000,
    description:
      'PostgreSQL ends a statement that runs longer, in milliseconds; one without an answer a quarter of a second later is given up. A connection may take as long to be made, from 1 to 10 seconds.',
  }),
  DATABASE_QUEUE_MAX: Type.Integer({
    minimum: 0,
    maximum: 100_000,
    default: 1000,
    description:
      'The most requests that wait for the database, and as many again of lists with filters, each at most half a second; more are 503.',
  }),
  PAGE_CACHE_BYTES: Type.Integer({
    minimum: 0,
    maximum: 16 * 2 ** 30,
    default: 64 * 2 ** 20,
    description:
      'The most bytes of finished pages of lists that a process keeps; 0 keeps none. Each answer is checked against PostgreSQL, so none is stale.',
  }),
  NAMESPACE_SLUG_HOLD_DAYS: Type.Integer({
    minimum: 0,
    maximum: 36_500,
    default: 30,
    description:
      'For how many days the slug that a namespace gave up, by a new one or by its deletion, is held back for its last owners.',
  }),
  RETENTION_DAYS: Type.Integer({
    minimum: 0,
    maximum: 36_500,
    default: 30,
    description:
      'For how many days deleted namespaces, spaces, episodes and assets can be restored; after that they are erased for good. 0 keeps them for ever.',
  }),
  MAX_NAMESPACES_PER_SUBJECT: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: QUOTA_MAX,
      description:
        'The most active namespaces that one token subject may have created. Unset: no bound.',
    }),
  ),
  MAX_SPACES_PER_NAMESPACE: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: QUOTA_MAX,
      description:
        'The most active spaces of a namespace; the same for all processes. Those that write in one namespace then take turns. Unset: no bound.',
    }),
  ),
  MAX_MEMBERS_PER_NAMESPACE: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: QUOTA_MAX,
      description: 'The most members of a namespace. Unset: no bound.',
    }),
  ),
  DATABASE_PREPARE: Type.Boolean({
    default: true,
    description:
      'Whether statements are prepared. `false` behind poolers that do not keep them, such as PgBouncer before 1.21 in transaction mode; see "Behind a pooler".',
  }),
  MIGRATE_ON_START: Type.Boolean({
    default: true,
    description: 'Whether the start applies migrations.',
  }),
  WORKERS: Type.Integer({
    minimum: 1,
    maximum: 256,
    default: 1,
    description:
      'How many processes share the port, one for each core say; each has a pool of its own. The signal SIGUSR2 replaces them one after another.',
  }),
  METRICS_PORT: Type.Optional(
    Type.Union([Type.Integer({ minimum: 0, maximum: 65535 }), Type.Literal('off')], {
      description:
        'Where `GET /metrics` answers. Unset: on `PORT`. A number: on that port alone. `off`: nowhere, and nothing is counted.',
    }),
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: Type.Optional(
    Type.String({
      pattern: '^https?://.+',
      description:
        'Where traces are sent (OTLP over HTTP, such as `http://localhost:4318`), and with it the other variables of OpenTelemetry. Unset: nothing is traced.',
    }),
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: Type.Optional(
    Type.String({
      pattern: '^https?://.+',
      description: 'The same for traces alone, used as it stands, with its path.',
    }),
  ),
  OTEL_EXPORTER_OTLP_PROTOCOL: Type.Optional(
    Type.Literal('http/json', { description: 'The one that there is.' }),
  ),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: Type.Optional(
    Type.Literal('http/json', { description: 'The one that there is.' }),
  ),
  OTEL_TRACES_EXPORTER: Type.Optional(
    Type.Union([Type.Literal('otlp'), Type.Literal('none')], {
      description: '`none`: nothing is traced, whatever endpoint is set.',
    }),
  ),
  OTEL_SDK_DISABLED: Type.Boolean({
    default: false,
    description: '`true`: nothing is traced, whatever endpoint is set.',
  }),
  SHUTDOWN_DELAY_MS: Type.Integer({
    minimum: 0,
    maximum: 600_000,
    default: 1000,
    description:
      'In production, how long a process that was told to stop still accepts requests while `/readyz` is 503, so that load balancers turn away first, in milliseconds.',
  }),
  RATE_LIMIT_MAX: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000_000_000,
      description: 'The most requests a minute of one token subject. Unset: no limit.',
    }),
  ),
  RATE_LIMIT_REDIS_URL: Type.Optional(
    Type.String({
      pattern: '^rediss?://.+',
      description:
        'Where replicas count together. Unset: each counts on its own. While it cannot be reached nothing is limited.',
    }),
  ),
  COMPRESSION: Type.Boolean({
    default: false,
    description:
      'Whether answers of 1 KiB and more are compressed (Brotli or gzip) for callers that accept it. Leave it to the proxy where there is one.',
  }),
  PUBLIC_URL: Type.Optional(
    Type.String({
      pattern: '^https?://[^?#]+$',
      description:
        'Where callers reach the service, such as `https://example.com/api`, when a proxy maps that to it: its path is put before those in `Location`, `Link` and `instance`, and it is the server of the OpenAPI document. Unset: `/`.',
    }),
  ),
  CORS_ORIGINS: Type.Optional(
    Type.String({
      description:
        'Whose pages may call from a browser: origins such as `https://app.example.com`, separated by commas, or `*`. Unset: none but `/docs`.',
    }),
  ),
  LOG_LEVEL: Type.Union(
    LOG_LEVELS.map((level) => Type.Literal(level)),
    { default: 'info', description: 'The least severe log lines to write (pino).' },
  ),
});
