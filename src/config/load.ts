import { readFileSync } from 'node:fs';
import { type Static, type TSchema, Type, TypeGuard } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { ConnectionStringError, parseConnectionString } from './connection-string.js';

const MINIMUM_SECRET_BYTES = 32;
/** The largest value of a counter, PostgreSQL's `integer`. */
const QUOTA_MAX = 2 ** 31 - 1;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/**
 * The configuration, which is environment variables and nothing else (contract §6). The table in the
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
    description: '`false` for poolers without prepared statements.',
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

export interface TokenConfig {
  /** the secret of HS256 tokens, or where the issuer's public keys are */
  readonly key: string | URL;
  /** where the secret is, and maybe others, when it came from a file; see `readSecrets` */
  readonly secretFile?: string;
  readonly issuer: string | null;
  readonly audience: string | null;
}

export interface RateLimitConfig {
  /** the most requests a minute of one subject */
  readonly max: number;
  /** where replicas count together, null where each counts on its own */
  readonly redisUrl: string | null;
}

/** What `Environment` says, in the form the service uses it; null where nothing was set. */
export interface Config {
  readonly production: boolean;
  readonly host: string;
  readonly port: number;
  readonly database: {
    readonly url: string | null;
    /** where the URL came from, when that was a file */
    readonly urlFile: string | null;
    readonly poolMax: number;
    readonly statementTimeoutMs: number;
    readonly queueMax: number;
    readonly prepare: boolean;
    readonly migrateOnStart: boolean;
  };
  readonly pageCacheBytes: number;
  readonly slugHoldDays: number;
  /** null for no bound */
  readonly quotas: {
    readonly namespacesPerSubject: number | null;
    readonly spacesPerNamespace: number | null;
    readonly membersPerNamespace: number | null;
  };
  readonly token: Omit<TokenConfig, 'key'> & { readonly key: TokenConfig['key'] | null };
  /** null for the main port */
  readonly workers: number;
  readonly metricsPort: number | 'off' | null;
  readonly traced: boolean;
  readonly shutdownDelayMs: number;
  /** null where nothing is limited */
  readonly rateLimit: RateLimitConfig | null;
  readonly compression: boolean;
  /** null for where it listens */
  readonly publicUrl: URL | null;
  readonly corsOrigins: readonly string[];
  readonly logLevel: string;
}

/** What may be in a file instead, because an environment is easily read and cannot be changed. */
const inFiles: Record<string, (file: string) => string> = {
  DATABASE_URL: readDatabaseUrl,
  JWT_SECRET: (file) => readSecrets(file)[0],
};

/** @throws when the file cannot be read */
export function readDatabaseUrl(file: string): string {
  return readFileSync(file, 'utf8').trim();
}

/**
 * @returns the secrets in a file, one a line, blank lines left out: the first signs, all verify
 * @throws when the file cannot be read, holds none, or one of them is too short
 */
export function readSecrets(file: string): [string, ...string[]] {
  const [first, ...others] = readFileSync(file, 'utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  if (first === undefined) throw new Error(`${file} holds no secret`);
  if ([first, ...others].some(isShort)) {
    throw new Error(`each secret in ${file} must have at least ${MINIMUM_SECRET_BYTES} bytes`);
  }
  return [first, ...others];
}

function isShort(secret: string): boolean {
  return Buffer.byteLength(secret) < MINIMUM_SECRET_BYTES;
}

/** One or more settings are wrong or missing; the message names every one of them. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * @param given the environment; a variable that is set to the empty string counts as unset
 * @throws `ConfigError`
 */
export function loadConfig(given: NodeJS.ProcessEnv): Config {
  const wrong: string[] = [];
  const env = readFiles(given, wrong);
  const settings = Object.fromEntries(
    Object.entries(Environment.properties).flatMap(([name, schema]) => {
      const text = env[name];
      return text ? [[name, parse(text, schema)]] : [];
    }),
  );
  const environment: unknown = Value.Default(Environment, settings);
  wrong.push(
    ...Object.entries(Environment.properties)
      .filter(([name, schema]) => name in settings && !isValid(schema, settings[name]))
      .map(([name, schema]) => `${name} must be ${expectation(schema)}.${serviceLink(env[name])}`),
    ...inconsistencies(env),
  );
  if (wrong.length > 0 || !Value.Check(Environment, environment)) {
    throw new ConfigError(`The configuration is not valid. ${wrong.join(' ')}`);
  }
  return toConfig(environment);
}

/** @returns the environment with the variables that `_FILE` has brought; failures go to `wrong` */
function readFiles(given: NodeJS.ProcessEnv, wrong: string[]): NodeJS.ProcessEnv {
  const env = { ...given };
  for (const [name, read] of Object.entries(inFiles)) {
    const file = given[`${name}_FILE`];
    if (!file) continue;
    if (given[name]) wrong.push(`${name} and ${name}_FILE exclude each other: unset one.`);
    try {
      env[name] = read(file);
    } catch (error) {
      wrong.push(`${name}_FILE cannot be used: ${String(error)}.`);
    }
  }
  return env;
}

function parse(text: string, schema: TSchema): string | number | boolean {
  const variants = TypeGuard.IsUnion(schema) ? schema.anyOf : [schema];
  if (variants.some(TypeGuard.IsInteger) && /^\d+$/.test(text)) return Number(text);
  if (TypeGuard.IsBoolean(schema) && /^(true|false)$/i.test(text)) {
    return text.toLowerCase() === 'true';
  }
  return text;
}

function isUrl(schema: TSchema): boolean {
  return TypeGuard.IsString(schema) && schema.pattern !== undefined;
}

function isValid(schema: TSchema, setting: unknown): boolean {
  if (!Value.Check(schema, setting)) return false;
  // Connection strings are URLs of a kind of their own: see `inconsistencies`.
  return !isUrl(schema) || String(setting).startsWith('postgres') || URL.canParse(String(setting));
}

/** Kubernetes sets such variables for a service that is called like one of ours. */
function serviceLink(text = ''): string {
  return text.startsWith('tcp://')
    ? ' It is an address that Kubernetes sets for a service of that name: set enableServiceLinks: false in the pod.'
    : '';
}

/** What a setting has to be. Its value may be a secret, so that is not repeated. */
function expectation(schema: TSchema): string {
  if (TypeGuard.IsUnion(schema)) return schema.anyOf.map(expectation).join(' or ');
  if (TypeGuard.IsLiteral(schema)) return String(schema.const);
  if (TypeGuard.IsInteger(schema)) {
    return `a whole number from ${String(schema.minimum)} to ${String(schema.maximum)}`;
  }
  if (TypeGuard.IsBoolean(schema)) return 'true or false';
  return isUrl(schema) ? 'a URL of the kind that docs/operations.md gives' : 'a text';
}

/** Whatever is not said to be something else must not start with a database and a token that it makes up. */
function isProduction(environment = 'development'): boolean {
  return !['', 'development', 'test'].includes(environment);
}

/** What no single variable shows. */
function inconsistencies(env: NodeJS.ProcessEnv): string[] {
  const { NODE_ENV, DATABASE_URL, JWT_SECRET, JWT_JWKS_URL } = env;
  const { DATABASE_URL_FILE, JWT_SECRET_FILE } = env;
  const production = isProduction(NODE_ENV);
  const found: string[] = [];
  const isMissing =
    (!DATABASE_URL && !DATABASE_URL_FILE) || (!JWT_SECRET && !JWT_SECRET_FILE && !JWT_JWKS_URL);
  if (production && NODE_ENV !== 'production' && isMissing) {
    found.push('NODE_ENV is neither development nor test, and counts as production.');
  }
  if (production && !DATABASE_URL && !DATABASE_URL_FILE)
    found.push('DATABASE_URL is required in production.');
  if (production && !JWT_SECRET && !JWT_SECRET_FILE && !JWT_JWKS_URL) {
    found.push('JWT_SECRET or JWT_JWKS_URL is required in production.');
  }
  const connectionProblem = DATABASE_URL ? problemOf(DATABASE_URL) : null;
  if (connectionProblem !== null) found.push(`DATABASE_URL ${connectionProblem}.`);
  if (JWT_SECRET && JWT_JWKS_URL) {
    found.push('JWT_SECRET and JWT_JWKS_URL exclude each other: unset one.');
  }
  if (JWT_SECRET && isShort(JWT_SECRET)) {
    found.push(`JWT_SECRET must have at least ${MINIMUM_SECRET_BYTES} bytes.`);
  }
  if (env['RATE_LIMIT_REDIS_URL'] && !env['RATE_LIMIT_MAX']) {
    found.push('RATE_LIMIT_REDIS_URL needs RATE_LIMIT_MAX.');
  }
  if (!splitOrigins(env['CORS_ORIGINS']).every(isOrigin)) {
    found.push(
      'CORS_ORIGINS must be origins such as https://app.example.com, separated by commas, or *.',
    );
  }
  if (Number(env['WORKERS'] ?? 1) > 1 && !env['METRICS_PORT']) {
    found.push('WORKERS above 1 needs METRICS_PORT, where all of theirs are added up, or off.');
  }
  return found;
}

/** @returns what is wrong with a connection string of PostgreSQL, or null */
function problemOf(url: string): string | null {
  // Another URL is refused by its pattern.
  if (!/^postgres(ql)?:/.test(url)) return null;
  try {
    parseConnectionString(url);
    return null;
  } catch (error) {
    if (error instanceof ConnectionStringError) return error.message;
    throw error;
  }
}

function splitOrigins(list = ''): string[] {
  return list
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '');
}

/** Browsers send it without a path, in lower case and without a default port: others never match. */
function isOrigin(text: string): boolean {
  return (
    text === '*' ||
    (/^https?:[^*]*$/.test(text) && URL.canParse(text) && new URL(text).origin === text)
  );
}

function toConfig(env: Static<typeof Environment>): Config {
  return {
    production: isProduction(env.NODE_ENV),
    host: env.HOST,
    port: env.PORT,
    database: {
      url: env.DATABASE_URL ?? null,
      urlFile: env.DATABASE_URL_FILE ?? null,
      poolMax: env.DATABASE_POOL_MAX,
      statementTimeoutMs: env.DATABASE_STATEMENT_TIMEOUT_MS,
      queueMax: env.DATABASE_QUEUE_MAX,
      prepare: env.DATABASE_PREPARE,
      migrateOnStart: env.MIGRATE_ON_START,
    },
    pageCacheBytes: env.PAGE_CACHE_BYTES,
    slugHoldDays: env.NAMESPACE_SLUG_HOLD_DAYS,
    quotas: {
      namespacesPerSubject: env.MAX_NAMESPACES_PER_SUBJECT ?? null,
      spacesPerNamespace: env.MAX_SPACES_PER_NAMESPACE ?? null,
      membersPerNamespace: env.MAX_MEMBERS_PER_NAMESPACE ?? null,
    },
    token: {
      key: env.JWT_JWKS_URL === undefined ? (env.JWT_SECRET ?? null) : new URL(env.JWT_JWKS_URL),
      ...(env.JWT_SECRET_FILE !== undefined && { secretFile: env.JWT_SECRET_FILE }),
      issuer: env.JWT_ISSUER ?? null,
      audience: env.JWT_AUDIENCE ?? null,
    },
    workers: env.WORKERS,
    metricsPort: env.METRICS_PORT ?? null,
    traced:
      (env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? env.OTEL_EXPORTER_OTLP_ENDPOINT) !== undefined &&
      env.OTEL_TRACES_EXPORTER !== 'none' &&
      !env.OTEL_SDK_DISABLED,
    shutdownDelayMs: isProduction(env.NODE_ENV) ? env.SHUTDOWN_DELAY_MS : 0,
    rateLimit:
      env.RATE_LIMIT_MAX === undefined
        ? null
        : { max: env.RATE_LIMIT_MAX, redisUrl: env.RATE_LIMIT_REDIS_URL ?? null },
    compression: env.COMPRESSION,
    publicUrl: env.PUBLIC_URL === undefined ? null : new URL(env.PUBLIC_URL),
    corsOrigins: splitOrigins(env.CORS_ORIGINS),
    logLevel: env.LOG_LEVEL,
  };
}
