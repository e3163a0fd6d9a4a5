import { type Static, type TSchema, TypeGuard } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import {
  expectation,
  inconsistencies,
  isProduction,
  isValid,
  serviceLink,
  splitOrigins,
} from './checks.js';
import { readFiles } from './files.js';
import { Environment } from './schema.js';

export interface TokenConfig {
  /** the secret of HS256 tokens, or the URL of the issuer's public keys */
  readonly key: string | URL;
  /** the file that contains the secret, and possibly further ones; see `readSecrets` */
  readonly secretFile?: string;
  readonly issuer: string | null;
  readonly audience: string | null;
}

export interface RateLimitConfig {
  /** requests per minute of one subject */
  readonly max: number;
  /** the Redis that replicas share; null where each replica counts on its own */
  readonly redisUrl: string | null;
}

/** The environment in the form that the service uses; null for unset. */
export interface Config {
  readonly production: boolean;
  readonly host: string;
  readonly port: number;
  readonly database: {
    readonly url: string | null;
    /** the file that contains the URL, where it came from one */
    readonly urlFile: string | null;
    readonly poolMax: number;
    readonly statementTimeoutMs: number;
    readonly queueMax: number;
    readonly prepare: boolean;
    readonly migrateOnStart: boolean;
  };
  readonly pageCacheBytes: number;
  readonly slugHoldDays: number;
  /** 0 disables the retention */
  readonly retentionDays: number;
  /** null for no limit */
  readonly quotas: {
    readonly namespacesPerSubject: number | null;
    readonly spacesPerNamespace: number | null;
    readonly membersPerNamespace: number | null;
  };
  readonly token: Omit<TokenConfig, 'key'> & { readonly key: TokenConfig['key'] | null };
  readonly workers: number;
  /** null for the main port */
  readonly metricsPort: number | 'off' | null;
  readonly traced: boolean;
  readonly shutdownDelayMs: number;
  /** null for no rate limit */
  readonly rateLimit: RateLimitConfig | null;
  readonly compression: boolean;
  /** null for the address it listens on */
  readonly publicUrl: URL | null;
  readonly corsOrigins: readonly string[];
  readonly logLevel: string;
}

/** One or more variables are invalid or missing; the message names all of them. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * @param given the environment; an empty variable counts as unset
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

function parse(text: string, schema: TSchema): string | number | boolean {
  const variants = TypeGuard.IsUnion(schema) ? schema.anyOf : [schema];
  if (variants.some(TypeGuard.IsInteger) && /^\d+$/.test(text)) return Number(text);
  if (TypeGuard.IsBoolean(schema) && /^(true|false)$/i.test(text)) {
    return text.toLowerCase() === 'true';
  }
  return text;
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
    retentionDays: env.RETENTION_DAYS,
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
