import { type TSchema, TypeGuard } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { ConnectionStringError, parseConnectionString } from './connection-string.js';
import { isShort } from './files.js';
import { MINIMUM_SECRET_BYTES } from './schema.js';

function isUrl(schema: TSchema): boolean {
  return TypeGuard.IsString(schema) && schema.pattern !== undefined;
}

export function isValid(schema: TSchema, setting: unknown): boolean {
  if (!Value.Check(schema, setting)) return false;
  // `URL` cannot parse every connection string; `inconsistencies` checks those.
  return !isUrl(schema) || String(setting).startsWith('postgres') || URL.canParse(String(setting));
}

/**
 * Explains a value that Kubernetes sets: for a service called `metrics` it sets `METRICS_PORT=tcp://…`.
 */
export function serviceLink(text = ''): string {
  return text.startsWith('tcp://')
    ? ' Its value is an address that Kubernetes sets for a service of that name. Set enableServiceLinks: false in the pod.'
    : '';
}

/** @returns the valid values of a setting in words, without the given value, which may be a secret */
export function expectation(schema: TSchema): string {
  if (TypeGuard.IsUnion(schema)) return schema.anyOf.map(expectation).join(' or ');
  if (TypeGuard.IsLiteral(schema)) return String(schema.const);
  if (TypeGuard.IsInteger(schema)) {
    return `a whole number from ${String(schema.minimum)} to ${String(schema.maximum)}`;
  }
  if (TypeGuard.IsBoolean(schema)) return 'true or false';
  return isUrl(schema) ? 'a URL as described in docs/operations.md' : 'a string';
}

/**
 * @returns whether the database and a key for tokens are required: unless it is `development`, `test` or unset
 */
export function isProduction(environment = 'development'): boolean {
  return !['', 'development', 'test'].includes(environment);
}

/** @returns the problems that involve several variables */
export function inconsistencies(env: NodeJS.ProcessEnv): string[] {
  const { NODE_ENV, DATABASE_URL, JWT_SECRET, JWT_JWKS_URL } = env;
  const { DATABASE_URL_FILE, JWT_SECRET_FILE } = env;
  const production = isProduction(NODE_ENV);
  const found: string[] = [];
  const isMissing =
    (!DATABASE_URL && !DATABASE_URL_FILE) || (!JWT_SECRET && !JWT_SECRET_FILE && !JWT_JWKS_URL);
  if (production && NODE_ENV !== 'production' && isMissing) {
    found.push(
      'NODE_ENV is neither development nor test, so the service starts in production mode.',
    );
  }
  if (production && !DATABASE_URL && !DATABASE_URL_FILE)
    found.push('DATABASE_URL is required in production.');
  if (production && !JWT_SECRET && !JWT_SECRET_FILE && !JWT_JWKS_URL) {
    found.push('JWT_SECRET or JWT_JWKS_URL is required in production.');
  }
  const connectionProblem = DATABASE_URL ? problemOf(DATABASE_URL) : null;
  if (connectionProblem !== null) found.push(`DATABASE_URL ${connectionProblem}.`);
  if (JWT_SECRET && JWT_JWKS_URL) {
    found.push('JWT_SECRET and JWT_JWKS_URL are mutually exclusive: unset one.');
  }
  if (JWT_SECRET && isShort(JWT_SECRET)) {
    found.push(`JWT_SECRET must have at least ${MINIMUM_SECRET_BYTES} bytes.`);
  }
  if (env['RATE_LIMIT_REDIS_URL'] && !env['RATE_LIMIT_MAX']) {
    found.push('RATE_LIMIT_REDIS_URL requires RATE_LIMIT_MAX.');
  }
  if (!splitOrigins(env['CORS_ORIGINS']).every(isOrigin)) {
    found.push(
      'CORS_ORIGINS must be origins such as https://app.example.com, separated by commas, or *.',
    );
  }
  if (Number(env['WORKERS'] ?? 1) > 1 && !env['METRICS_PORT']) {
    found.push(
      'WORKERS above 1 requires METRICS_PORT: a port that serves the metrics of all workers, or off.',
    );
  }
  return found;
}

/** @returns the problem of a PostgreSQL connection string, or null */
function problemOf(url: string): string | null {
  // The pattern of the variable rejects other schemes.
  if (!/^postgres(ql)?:/.test(url)) return null;
  try {
    parseConnectionString(url);
    return null;
  } catch (error) {
    if (error instanceof ConnectionStringError) return error.message;
    throw error;
  }
}

export function splitOrigins(list = ''): string[] {
  return list
    .split(',')
    .map((origin) => origin.trim())
    .filter((origin) => origin !== '');
}

/**
 * Browsers send an origin in lower case, without a path and without a default port; no other form ever matches.
 */
function isOrigin(text: string): boolean {
  return (
    text === '*' ||
    (/^https?:[^*]*$/.test(text) && URL.canParse(text) && new URL(text).origin === text)
  );
}
