/** Connection strings as libpq and providers write them. */
import { join } from 'node:path';
import { test } from 'tap';
import { parseConnectionString } from '../../src/config/connection-string.js';

const parse = parseConnectionString;

test('hosts, ports and names are parsed as by libpq', (t) => {
  const target = (host: string, port = 5432, path: string | null = null) => ({ host, port, path });
  const rows: [string, object[]][] = [
    ['postgres://db/spaces', [target('db')]],
    ['postgresql://user:p%40ss@db:5433/spaces', [target('db', 5433)]],
    ['postgres://u:p@ss@db/spaces', [target('db')]],
    ['postgres:///spaces', [target('localhost')]],
    ['postgres://[::1]:5434/spaces', [target('::1', 5434)]],
    ['postgres://[fe80::1%25eth0]/spaces', [target('fe80::1%eth0')]],
    [
      'postgres://one,two:5433,[::1]:5434/spaces',
      [target('one'), target('two', 5433), target('::1', 5434)],
    ],
    ['postgres:///spaces?host=/run/pg', [target('localhost', 5432, '/run/pg/.s.PGSQL.5432')]],
    [
      'postgres://%2Frun%2Fpg/spaces?port=5433',
      [target('localhost', 5433, '/run/pg/.s.PGSQL.5433')],
    ],
    ['postgres://ignored/spaces?host=one,two&port=1,2', [target('one', 1), target('two', 2)]],
    ['postgres://db/spaces?hostaddr=10.0.0.1', [target('10.0.0.1')]],
    ['postgres://db/spaces?hostaddr=::1', [target('::1')]],
  ];
  for (const [text, targets] of rows) t.same(parse(text).targets, targets, text);
  t.match(parse('postgres://us%20er:p%40%3Ass@db/my%2Fdb'), {
    user: 'us er',
    password: 'p@:ss',
    database: 'my/db',
  });
  t.match(parse('postgres://a:b@db/c?user=x&password=y&dbname=z&application_name=app'), {
    user: 'x',
    password: 'y',
    database: 'z',
    applicationName: 'app',
  });
  t.end();
});

test('known parameters take effect, or are ignored when they change nothing', (t) => {
  const harmless = [
    'channel_binding=require',
    'connect_timeout=5',
    'keepalives=1&keepalives_idle=30&keepalives_interval=10&keepalives_count=5',
    'tcp_user_timeout=1000',
    'gssencmode=disable',
    'client_encoding=UTF8',
    'fallback_application_name=x',
    'load_balance_hosts=random',
    'sslmode=disable',
    'sslnegotiation=postgres',
    'target_session_attrs=read-write',
    'options=-c%20lock_timeout%3D500',
  ];
  for (const parameters of harmless) {
    t.equal(parse(`postgres://db/spaces?${parameters}`).ssl, false, parameters);
  }
  t.equal(parse('postgres://db/spaces?connect_timeout=5').connectTimeoutSeconds, 5);
  t.equal(parse('postgres://db/spaces?connect_timeout=0').connectTimeoutSeconds, null);
  t.equal(parse('postgres://db/spaces?options=-c%20a%3D1').options, '-c a=1');
  t.end();
});

test('sslmode has the meaning of libpq', (t) => {
  const files = t.testdir({ 'root.crt': 'ROOT', 'client.key': 'KEY', 'client.crt': 'CERT' });
  const root = encodeURIComponent(join(files, 'root.crt'));
  const ssl = (parameters: string) => parse(`postgres://db/spaces?${parameters}`).ssl;
  t.equal(ssl('sslmode=prefer'), 'prefer');
  t.equal(ssl('sslmode=allow'), 'prefer');
  t.equal(ssl('sslmode=require'), 'require');
  t.equal(ssl('ssl=true'), 'require');
  t.match(ssl('sslmode=verify-full'), { rejectUnauthorized: true });
  t.match(ssl('sslrootcert=system'), { rejectUnauthorized: true });
  t.match(ssl(`sslmode=verify-full&sslrootcert=${root}`), { ca: 'ROOT', rejectUnauthorized: true });
  for (const mode of ['require', 'verify-ca']) {
    t.match(
      ssl(`sslmode=${mode}&sslrootcert=${root}`),
      { ca: 'ROOT', rejectUnauthorized: true },
      mode,
    );
  }
  const client = `sslcert=${encodeURIComponent(join(files, 'client.crt'))}&sslkey=${encodeURIComponent(join(files, 'client.key'))}`;
  t.match(ssl(`sslmode=require&${client}`), {
    cert: 'CERT',
    key: 'KEY',
    rejectUnauthorized: false,
  });
  t.end();
});

test('an unknown or invalid part is named', (t) => {
  const wrong: [string, RegExp][] = [
    ['postgres://db/spaces?pgbouncer=true', /the unknown parameter pgbouncer/],
    ['postgres://db/spaces?schema=public', /the unknown parameter schema/],
    ['postgres://db/spaces?sslmode=no-verify', /sslmode=/],
    ['postgres://db/spaces?gssencmode=require', /gssencmode=/],
    ['postgres://db/spaces?client_encoding=latin1', /client_encoding=/],
    ['postgres://db/spaces?sslrootcert=/none&sslmode=verify-ca', /a file in sslrootcert/],
    ['postgres://db/spaces?connect_timeout=soon', /connect_timeout/],
    ['postgres://db/spaces?target_session_attrs=standby', /target_session_attrs=primary/],
    ['postgres://user:%zz@db/spaces', /the password .* percent-encoded/],
    ['postgres://db:0/spaces', /an invalid host or port/],
    ['postgres://db:65536/spaces', /an invalid host or port/],
    ['postgres://one,/spaces', /an invalid host or port/],
    ['postgres://[::1/spaces', /an invalid host or port/],
    ['mysql://db/spaces', /not a PostgreSQL URL/],
  ];
  for (const [text, message] of wrong) t.throws(() => parse(text), message, text);
  t.end();
});
