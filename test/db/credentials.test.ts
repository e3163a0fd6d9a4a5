/** New connections use the current user, password and certificates. */
import { execFile } from 'node:child_process';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { connect as connectTo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { TLSSocket } from 'node:tls';
import { promisify } from 'node:util';
import { sql } from 'drizzle-orm';
import { type Test, test } from 'tap';
import { connect } from '../../src/db/client.js';
import { createDatabase, openDatabase } from '../helpers/database.js';
import { portOf } from '../helpers/issuer.js';
import { waitUntil } from '../helpers/wait.js';

const options = { poolMax: 1, statementTimeoutMs: 5_000, prepare: true };

interface Pair {
  cert: string;
  key: string;
  certFile: string;
  keyFile: string;
}

/** @returns a self-signed certificate of localhost and its key */
async function createPair(t: Test, name: string): Promise<Pair> {
  const [certFile, keyFile] = ['crt', 'key'].map((end) =>
    join(t.testdirName, `${name}.${end}`),
  ) as [string, string];
  const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost'];
  const kind = ['-x509', '-nodes', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  await promisify(execFile)('openssl', [
    'req',
    ...kind,
    ...subject,
    '-out',
    certFile,
    '-keyout',
    keyFile,
  ]);
  return {
    cert: await readFile(certFile, 'utf8'),
    key: await readFile(keyFile, 'utf8'),
    certFile,
    keyFile,
  };
}

/** Starts a server that adds TLS to PostgreSQL. @returns its port, and a function that changes its certificate */
async function startTls(t: Test, databaseUrl: string, first: Pair) {
  const { hostname, port } = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  let pair = first;
  const server = createServer((client) => {
    sockets.add(client);
    client.on('error', () => undefined);
    // https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL
    client.once('data', () => {
      client.write('S');
      const secure = new TLSSocket(client, { isServer: true, ...pair });
      const upstream = connectTo(Number(port || 5432), hostname);
      for (const each of [secure, upstream]) {
        each.on('error', () => undefined);
        each.on('close', () => {
          secure.destroy();
          upstream.destroy();
        });
      }
      secure.pipe(upstream).pipe(secure);
    });
  });
  const disconnect = () => {
    for (const socket of sockets) socket.destroy();
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    disconnect();
  });
  return {
    port: portOf(server.address()),
    replace(next: Pair) {
      pair = next;
      disconnect();
    },
    disconnect,
  };
}

test('new connections use the current certificate of the authority', async (t) => {
  const databaseUrl = await createDatabase(t, { direct: true });
  const root = join(t.testdir(), 'root.crt');
  const hasOpenssl = await promisify(execFile)('openssl', ['version']).then(
    () => true,
    () => false,
  );
  if (!hasOpenssl) {
    t.comment('NOT CHECKED: certificates, because openssl is not installed.');
    return;
  }
  const [one, two] = [await createPair(t, 'one'), await createPair(t, 'two')];
  const proxy = await startTls(t, databaseUrl, one);
  await writeFile(root, one.cert);
  const url = new URL(databaseUrl);
  Object.assign(url, { hostname: 'localhost', port: String(proxy.port) });
  const files = { sslrootcert: root, sslcert: one.certFile, sslkey: one.keyFile };
  url.search = new URLSearchParams({ sslmode: 'verify-full', ...files }).toString();
  const db = connect({ ...options, url: url.href });
  t.teardown(() => db.$client.end({ timeout: 1 }));
  const works = () =>
    db.execute('select').then(
      () => true,
      () => false,
    );
  t.ok(await works());

  proxy.replace(two);
  await waitUntil('the next certificate to be rejected', async () => !(await works()));
  t.notOk(await works());
  await writeFile(root, two.cert);
  await waitUntil('the next certificate to be accepted', works);

  await writeFile(one.keyFile, two.key);
  proxy.disconnect();
  await waitUntil('a connection while a key without its certificate is there', works);
  await rm(root);
  proxy.disconnect();
  await waitUntil('a connection while a file is missing', works);
});

test('new connections use the current user of the database file', async (t) => {
  const databaseUrl = await createDatabase(t, { direct: true });
  const owner = openDatabase(t, databaseUrl);
  const name = new URL(databaseUrl).pathname.slice(1);
  const urlFile = join(t.testdir(), 'url');
  const urls = new Map<string, string>();
  for (const role of [`first_${name}`, `next_${name}`]) {
    await owner.execute(sql.raw(`create role ${role} login password '${role}'`));
    t.teardown(() => owner.execute(sql.raw(`drop role ${role}`)));
    const url = Object.assign(new URL(databaseUrl), { username: role, password: role });
    urls.set(role, url.href);
  }
  const [[first, url], [next, nextUrl]] = [...urls] as [[string, string], [string, string]];
  await writeFile(urlFile, url);
  const db = connect({ ...options, url, urlFile });
  t.teardown(() => db.$client.end({ timeout: 1 }));
  const user = async () => {
    const [row] = await db.execute<{ user: string }>(sql`select current_user as user`);
    return row?.user;
  };
  t.equal(await user(), first);

  await writeFile(urlFile, nextUrl.replace(`/${name}`, '/another'));
  t.equal(await user(), first, 'an open connection stays');
  await owner.execute(sql`
    select pg_terminate_backend(pid) from pg_stat_activity where usename = ${first}`);
  await waitUntil('a connection of the next user', async () => {
    return (await user().catch(() => first)) === next;
  });
  const [row] = await db.execute<{ name: string }>(sql`select current_database() as name`);
  t.equal(row?.name, name, 'the database stays');
});
