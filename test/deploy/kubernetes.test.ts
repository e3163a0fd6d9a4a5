/** The manifests of `deploy/kubernetes` agree with the service and with each other. */
import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { Type } from '@sinclair/typebox';
import { test } from 'tap';
import { parseConnectionString } from '../../src/config/connection-string.js';
import { loadConfig } from '../../src/config/load.js';
import { SECRET } from '../helpers/app.js';
import { createDatabase } from '../helpers/database.js';
import { fetchInTime } from '../helpers/fetch.js';
import { startProgram } from '../helpers/process.js';
import { as, constantOf, documentsOf, filesOf } from './files.js';
import { dockerfile } from './image.js';
import { KUBERNETES, Labels, manifests, readDeployment, readJob, scaledBy } from './kubernetes.js';
import { environmentOf } from './programs.js';

/** The files that are not applied: an example, and the values of a Helm chart. */
const UNLISTED = [
  `${KUBERNETES}/secrets.example.yaml`,
  `${KUBERNETES}/autoscaling-by-requests/prometheus-adapter.yaml`,
];

/** The user ids in the images of Node. */
const USERS: Record<string, number> = { node: 1000 };

/** The default `max_connections` of PostgreSQL without those for superusers. */
const SERVER_CONNECTIONS = 97;

const Ports = Type.Array(Type.Object({ port: Type.Integer() }));

test('the Job migrates, and the Deployment then passes its probes and serves its metrics', async (t) => {
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
  for (const path of paths.map(String))
    t.equal((await fetchInTime(origin + path)).status, 200, path);
  t.equal(
    (await fetchInTime(`${origin}/metrics`)).status,
    404,
    'metrics are on their own port only',
  );
  const answer = await fetchInTime(`${metrics}/metrics`);
  t.equal(answer.status, 200);
  const text = await answer.text();
  for (const name of (await scaledBy()).names) t.match(text, new RegExp(`^${name} \\d`, 'm'), name);
  server.child.kill('SIGTERM');
  t.equal(await server.ended, 0);
});

test('the manifests use the ports of the service', async (t) => {
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
    t.equal(probe?.httpGet.port, 'http', `probe of ${probe?.httpGet.path ?? 'no path'}`);
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

test('manifests refer to existing objects, and to the image with its user', async (t) => {
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

  // Neither selects the pods of the other.
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

test('the autoscaler starts no more pods than PostgreSQL has connections for, and scales before requests wait', async (t) => {
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
  t.equal(atOnce, 32, 'the number in the comment of the manifest');
  const { target } = await scaledBy();
  t.ok(target > 0 && target < atOnce, `${target} requests in flight`);
});

test('kustomizations list every file, and the README every folder and file', async (t) => {
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
