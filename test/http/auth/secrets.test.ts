import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { type Test, test } from 'tap';
import { connect } from '../../../src/db/client.js';
import { signToken } from '../../../src/development/token.js';
import { type Service, startService } from '../../helpers/app.js';
import { createDatabase, openDatabase } from '../../helpers/database.js';
import { fetchInTime } from '../../helpers/fetch.js';
import { memoryLogger } from '../../helpers/logger.js';
import { waitUntil } from '../../helpers/wait.js';

const OLD = 'the first secret, of more than thirty-two bytes';
const NEW = 'the next secret, of more than thirty-two bytes';

/** Starts a service that reads its secrets from a file. */
async function startFiled(t: Test, ...secrets: string[]) {
  const secretFile = join(t.testdir(), 'secrets');
  const write = async (text: string) => {
    // The file is replaced atomically, like a mounted secret.
    await writeFile(`${secretFile}.next`, text);
    await rename(`${secretFile}.next`, secretFile);
  };
  await write(secrets.join('\n'));
  const { logger, text } = memoryLogger();
  const token = { key: secrets[0] ?? '', secretFile, issuer: null, audience: null };
  const service = await startService(t, { token, logger });
  await service.app.listen({ port: 0, host: '127.0.0.1' });
  return { service, write, log: text, secretFile };
}

/** Sends over the network, so that the process has time to check its files. */
async function statusWith(service: Service, secret: string): Promise<number> {
  const token = await signToken(secret, { subject: 'alice', expiresIn: '1 hour' });
  const headers = { authorization: `Bearer ${token}` };
  return (await fetchInTime(`${service.app.listeningOrigin}/namespaces`, { headers })).status;
}

test('tokens of every secret in the file are accepted, and no others', async (t) => {
  const { service } = await startFiled(t, NEW, OLD);
  t.equal(await statusWith(service, NEW), 200);
  t.equal(await statusWith(service, OLD), 200);
  t.equal(await statusWith(service, `${OLD} of another`), 401);
  for (const token of ['', '.', 'a.b', 'a.b.c', '..']) {
    const headers = { authorization: `Bearer ${token}` };
    const path = '/namespaces';
    t.equal((await service.send({ method: 'GET', path, headers })).status, 401, token);
  }
});

test('a secret is replaced without a restart, and tokens of the old one are rejected', async (t) => {
  const { service, write, log } = await startFiled(t, OLD);
  const token = await signToken(OLD, { subject: 'alice', expiresIn: '1 hour' });
  const headers = { authorization: `Bearer ${token}` };
  const remembered = async () =>
    (await service.send({ method: 'GET', path: '/namespaces', headers })).status;
  t.equal(await remembered(), 200);
  t.equal(await statusWith(service, NEW), 401);

  await write(`${NEW}\n${OLD}\n`);
  await waitUntil(
    'a token of the new secret that is accepted',
    async () => (await statusWith(service, NEW)) === 200,
  );
  t.equal(await remembered(), 200, 'both secrets are valid');

  await write(`${NEW}\n`);
  await waitUntil(
    'a token of the old secret that is rejected',
    async () => (await statusWith(service, OLD)) === 401,
  );
  t.equal(await remembered(), 401);
  t.equal(await statusWith(service, NEW), 200);
  t.match(log(), /The JWT secrets have changed/);
  t.notMatch(log(), /thirty-two/, 'no secret is logged');
});

test('an invalid or missing file keeps the last secrets', async (t) => {
  const { service, write, log, secretFile } = await startFiled(t, OLD);
  const complaints = () => log().split('the previous secrets stay valid').length - 1;
  await write('too short');
  await waitUntil(
    'a complaint about the file',
    async () => (await statusWith(service, OLD)) !== 200 || complaints() > 0,
  );
  t.equal(await statusWith(service, OLD), 200);
  await rm(secretFile);
  await waitUntil(
    'a second complaint about the file',
    async () => (await statusWith(service, OLD)) !== 200 || complaints() > 1,
  );
  t.equal(await statusWith(service, OLD), 200);
  t.notMatch(log(), 'too short');
  await write(NEW);
  await waitUntil(
    'a token of the new secret that is accepted',
    async () => (await statusWith(service, NEW)) === 200,
  );
  t.equal(await statusWith(service, OLD), 401);
});

test('new connections use the current password of the database file', async (t) => {
  const url = await createDatabase(t, { direct: true });
  const owner = openDatabase(t, url);
  const role = `rotating_${new URL(url).pathname.slice(1)}`;
  const setPassword = (verb: string, password: string) =>
    owner.execute(sql.raw(`${verb} role ${role} login superuser password '${password}'`));
  await setPassword('create', 'one');
  t.teardown(() => owner.execute(sql.raw(`drop role ${role}`)));
  const withPassword = (password: string) => {
    const changed = new URL(url);
    changed.username = role;
    changed.password = encodeURIComponent(password);
    return changed.href;
  };
  const stranger = openDatabase(t, withPassword('another'), { poolMax: 1 });
  const isTrusted = await stranger.execute('select').then(
    () => true,
    () => false,
  );
  if (isTrusted) {
    t.comment('NOT CHECKED: the password of the database file, because PostgreSQL asks for none.');
    return;
  }
  const urlFile = join(t.testdir(), 'url');
  await writeFile(urlFile, `${withPassword('one')}\n`);
  const db = connect({
    url: withPassword('one'),
    urlFile,
    poolMax: 1,
    statementTimeoutMs: 5_000,
    prepare: true,
  });
  t.teardown(() => db.$client.end({ timeout: 1 }));
  const service = await startService(t, { db, databaseUrl: url });
  const caller = await service.as('alice');
  const ready = async () => (await caller.get('/namespaces')).status;
  const dropConnections = () =>
    owner.execute(
      sql.raw(`select pg_terminate_backend(pid) from pg_stat_activity
      where usename = '${role}'`),
    );
  t.equal(await ready(), 200);

  await setPassword('alter', '%two/');
  await dropConnections();
  await rm(urlFile);
  await waitUntil('requests that fail without the file', async () => (await ready()) === 503);
  await writeFile(urlFile, withPassword('%two/'));
  await waitUntil('requests that succeed with the file', async () => (await ready()) === 200);
  t.equal(await ready(), 200);
});
