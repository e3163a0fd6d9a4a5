import { readFileSync } from 'node:fs';
import type { ConnectionOptions } from 'node:tls';

/** Where a PostgreSQL server listens. */
export interface Target {
  host: string;
  port: number;
  /** of a Unix socket, instead of host and port */
  path: string | null;
}

/** The parts of a connection string that this service uses. */
export interface ConnectionString {
  /** at least one */
  targets: [Target, ...Target[]];
  user: string | undefined;
  password: string;
  database: string | undefined;
  ssl: 'require' | 'prefer' | false | ConnectionOptions;
  connectTimeoutSeconds: number | null;
  applicationName: string;
  /** settings in the form of the command line, `-c name=value` */
  options: string | undefined;
  /** whether the server must be the primary, even where there is only one host */
  wantsPrimary: boolean;
}

/** A connection string that cannot be used; the message names the parameter, never its value. */
export class ConnectionStringError extends Error {
  override readonly name = 'ConnectionStringError';
}

const DEFAULT_PORT = '5432';

/** https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS */
const URI = /^postgres(?:ql)?:\/\/(?:([^/?]*)@)?([^/?]*)(?:\/([^?]*))?(?:\?(.*))?$/s;

/** One host of a list; an IPv6 address is in brackets. */
const HOST_AND_PORT = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d*))?$/;

/** Parameters of libpq that are ignored, with the values that may be; null for any value. */
const withoutEffect: Record<string, string[] | null> = {
  // The driver has no channel binding; the certificate of the server proves its identity (sslmode).
  channel_binding: null,
  client_encoding: ['utf8', 'utf-8', 'unicode', 'auto'],
  fallback_application_name: null,
  gssencmode: ['disable', 'prefer'],
  keepalives: null,
  keepalives_count: null,
  keepalives_idle: null,
  keepalives_interval: null,
  // All hosts are asked at once.
  load_balance_hosts: ['disable', 'random'],
  sslcompression: null,
  sslnegotiation: ['postgres'],
  sslsni: ['1'],
  tcp_user_timeout: null,
  uselibpqcompat: null,
};

/** The supported values of `target_session_attrs`: the service needs a server that accepts writes. */
const WRITABLE = ['primary', 'read-write'];

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'];

/**
 * Parses a connection string with the syntax of libpq.
 *
 * @param text `postgres://user:password@host:port/database?parameter=value`, with one host or several
 * @throws `ConnectionStringError`, also when a file that it names cannot be read
 */
export function parseConnectionString(text: string): ConnectionString {
  const [, userInfo = '', authority = '', path = '', query = ''] = URI.exec(text) ?? [];
  if (!URI.test(text)) throw new ConnectionStringError('is not a PostgreSQL URL');
  const given = new Map<string, string>();
  for (const pair of query.split('&').filter((each) => each !== '')) {
    const [name = '', ...value] = pair.split('=');
    given.set(decode(name, 'a parameter'), decode(value.join('='), name));
  }
  const take = (name: string): string | undefined => {
    const value = given.get(name);
    given.delete(name);
    return value === '' ? undefined : value;
  };

  const [user = '', ...password] = userInfo.split(':');
  const hosts = (take('host') ?? decode(authority, 'the host')).split(',');
  const addresses = take('hostaddr')?.split(',');
  const ports = take('port')?.split(',');
  if (hosts.length > 1 && hosts.includes('')) {
    throw new ConnectionStringError('has an invalid host or port');
  }
  const targets = (addresses ?? hosts).map((each, index) =>
    targetOf(each, ports?.[index] ?? ports?.[0] ?? DEFAULT_PORT),
  );
  const [first, ...others] = targets;
  if (!first) throw new ConnectionStringError('names no host');
  const attributes = take('target_session_attrs');
  if (attributes !== undefined && !WRITABLE.includes(attributes)) {
    throw new ConnectionStringError(`supports only target_session_attrs=${WRITABLE.join(' or =')}`);
  }
  const result: ConnectionString = {
    targets: [first, ...others],
    user: take('user') ?? (user === '' ? undefined : decode(user, 'the user')),
    password: take('password') ?? decode(password.join(':'), 'the password'),
    database: take('dbname') ?? (path === '' ? undefined : decode(path, 'the database')),
    ssl: readSsl(take),
    connectTimeoutSeconds: readSeconds(take('connect_timeout')),
    applicationName: take('application_name') ?? 'spaces',
    options: take('options'),
    wantsPrimary: attributes !== undefined,
  };
  for (const [name, value] of given) {
    const harmless = withoutEffect[name];
    if (harmless === undefined) {
      throw new ConnectionStringError(`has the unknown parameter ${name}: remove it`);
    }
    if (harmless !== null && !harmless.includes(value.toLowerCase())) {
      throw new ConnectionStringError(`supports only ${name}=${harmless.join(' or =')}`);
    }
  }
  return result;
}

function decode(text: string, what: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new ConnectionStringError(`has ${what} that is not validly percent-encoded`);
  }
}

function targetOf(text: string, defaultPort: string): Target {
  if (text.startsWith('/')) {
    const path = `${text}/.s.PGSQL.${defaultPort}`;
    return { host: 'localhost', port: Number(defaultPort), path };
  }
  const isAddress = /^[\da-f]*:[\da-f]*:[\da-f:.]*$/i.test(text);
  const [, host = '', port = ''] = isAddress ? [text, text] : (HOST_AND_PORT.exec(text) ?? [text]);
  const number = Number(port === '' ? defaultPort : port);
  if ((host === '' && text !== '') || !(number >= 1 && number <= 65_535)) {
    throw new ConnectionStringError('has an invalid host or port');
  }
  const name = host.replace(/^\[|\]$/g, '');
  return { host: name === '' ? 'localhost' : name, port: number, path: null };
}

function readSeconds(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (!/^\d{1,6}$/.test(text))
    throw new ConnectionStringError('has an invalid connect_timeout: use a number of seconds');
  // As in libpq, 0 sets no timeout.
  return Number(text) === 0 ? null : Number(text);
}

/** https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION */
function readSsl(take: (name: string) => string | undefined): ConnectionString['ssl'] {
  const [ca, cert, key] = [take('sslrootcert'), take('sslcert'), take('sslkey')];
  const passphrase = take('sslpassword');
  const isOn = take('ssl') === 'true';
  const asked = take('sslmode');
  const mode = asked ?? (ca === 'system' ? 'verify-full' : isOn ? 'require' : 'disable');
  if (!SSL_MODES.includes(mode)) {
    throw new ConnectionStringError(`supports only sslmode=${SSL_MODES.join(', ')}`);
  }
  if (mode === 'disable') return false;
  const files = {
    ...(ca !== undefined && ca !== 'system' && { ca: readFile(ca, 'sslrootcert') }),
    ...(cert !== undefined && { cert: readFile(cert, 'sslcert') }),
    ...(key !== undefined && { key: readFile(key, 'sslkey') }),
    ...(passphrase !== undefined && { passphrase }),
  };
  if (mode === 'verify-full') return { ...files, rejectUnauthorized: true };
  // As in libpq, a root certificate makes `require` verify the server's.
  if (mode === 'verify-ca' || (mode === 'require' && ca !== undefined)) {
    return { ...files, rejectUnauthorized: true, checkServerIdentity: () => undefined };
  }
  if (mode === 'require') {
    return Object.keys(files).length > 0 ? { ...files, rejectUnauthorized: false } : 'require';
  }
  return 'prefer';
}

function readFile(path: string, parameter: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new ConnectionStringError(`names a file in ${parameter} that cannot be read`, {
      cause: error,
    });
  }
}
