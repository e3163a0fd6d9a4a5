/** Reads the files of `deploy/`, and what they are compared with. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, posix } from 'node:path';
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Test } from 'tap';
import { parse, parseAllDocuments } from 'yaml';
import { SECRET } from './app.js';

export const KUBERNETES = 'deploy/kubernetes';
const UNIT = 'deploy/systemd/spaces.service';

export const Labels = Type.Record(Type.String(), Type.String());
const Probe = Type.Object({ httpGet: Type.Object({ path: Type.String(), port: Type.String() }) });

const Container = Type.Object({
  image: Type.String(),
  command: Type.Optional(Type.Array(Type.String())),
  // A value without quotation marks that is not a text is refused by Kubernetes.
  env: Type.Array(Type.Object({ name: Type.String(), value: Type.String() })),
  ports: Type.Optional(
    Type.Array(Type.Object({ name: Type.String(), containerPort: Type.Integer() })),
  ),
  startupProbe: Type.Optional(Probe),
  livenessProbe: Type.Optional(Probe),
  readinessProbe: Type.Optional(Probe),
  securityContext: Type.Object({
    allowPrivilegeEscalation: Type.Literal(false),
    readOnlyRootFilesystem: Type.Literal(true),
    capabilities: Type.Object({ drop: Type.Tuple([Type.Literal('ALL')]) }),
  }),
  volumeMounts: Type.Tuple([Type.Object({ name: Type.String(), mountPath: Type.String() })]),
});

/** A Deployment or a Job. */
const Workload = Type.Object({
  spec: Type.Object({
    template: Type.Object({
      metadata: Type.Object({ labels: Labels }),
      spec: Type.Object({
        serviceAccountName: Type.String(),
        automountServiceAccountToken: Type.Literal(false),
        enableServiceLinks: Type.Literal(false),
        terminationGracePeriodSeconds: Type.Optional(Type.Integer()),
        securityContext: Type.Object({
          runAsNonRoot: Type.Literal(true),
          runAsUser: Type.Integer(),
          seccompProfile: Type.Object({ type: Type.Literal('RuntimeDefault') }),
        }),
        containers: Type.Tuple([Container]),
        volumes: Type.Tuple([
          Type.Object({
            name: Type.String(),
            secret: Type.Object({
              secretName: Type.String(),
              items: Type.Array(Type.Object({ key: Type.String(), path: Type.String() })),
            }),
          }),
        ]),
      }),
    }),
  }),
});

const Manifest = Type.Object({
  kind: Type.String(),
  metadata: Type.Object({ name: Type.String() }),
});

const Compose = Type.Object({
  services: Type.Record(
    Type.String(),
    Type.Object({
      build: Type.Optional(Type.Literal('.')),
      image: Type.Optional(Type.String()),
      command: Type.Optional(Type.Array(Type.String())),
      environment: Type.Optional(Labels),
      configs: Type.Optional(Type.Array(Type.Object({ source: Type.String() }))),
    }),
  ),
  configs: Type.Optional(Type.Record(Type.String(), Type.Object({ content: Type.String() }))),
});

/** A process that a file of `deploy/` starts. */
export interface Program {
  title: string;
  /** without `dist/` and `.js` */
  program: string;
  env: Record<string, string>;
  /** what it finds in files, by their paths */
  files: Record<string, string>;
}

export function as<Schema extends TSchema>(
  schema: Schema,
  value: unknown,
  what: string,
): Static<Schema> {
  if (Value.Check(schema, value)) return value;
  const error = Value.Errors(schema, value).First();
  throw new TypeError(`${what}${error?.path ?? ''}: ${error?.message ?? ''}`);
}

export async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => posix.join(entry.parentPath, entry.name));
}

/** @returns the documents of a file, read as kubectl reads it */
export async function documentsOf(file: string): Promise<unknown[]> {
  return parseAllDocuments(await readFile(file, 'utf8'), { version: '1.1' }).map((document) => {
    const [error] = [...document.errors, ...document.warnings];
    if (error) throw error;
    const value: unknown = document.toJS();
    return value;
  });
}

/** @returns what Kubernetes is given, and the example of the secrets */
export async function manifests() {
  const files = (await filesOf(KUBERNETES)).filter((file) => !file.endsWith('kustomization.yaml'));
  const found: (Static<typeof Manifest> & { value: unknown })[] = [];
  for (const file of files) {
    for (const value of await documentsOf(file)) {
      if (Value.Check(Manifest, value)) found.push({ ...value, value });
    }
  }
  return {
    all: (kind: string) => found.filter((each) => each.kind === kind),
    read<Schema extends TSchema>(schema: Schema, kind: string, name: string): Static<Schema> {
      const match = found.find((each) => each.kind === kind && each.metadata.name === name);
      return as(schema, match?.value, `${kind} ${name}`);
    },
  };
}

const Secret = Type.Object({ stringData: Labels });

async function readWorkload(kind: string, name: string) {
  const { read } = await manifests();
  const { template } = read(Workload, kind, name).spec;
  const [container] = template.spec.containers;
  const [volume] = template.spec.volumes;
  const [mount] = container.volumeMounts;
  const secret = read(Secret, 'Secret', volume.secret.secretName).stringData;
  const files = volume.secret.items.map(({ key, path }): [string, string] => [
    posix.join(mount.mountPath, path),
    String(secret[key]),
  ]);
  const command = container.command ?? (await dockerfile()).command;
  const program: Program = {
    title: kind,
    program: programOf(command.join(' ')),
    env: {
      ...(await dockerfile()).env,
      ...Object.fromEntries(container.env.map(({ name, value }) => [name, value])),
    },
    files: Object.fromEntries(files),
  };
  return { template, container, volume, mount, secret, program };
}

export const readDeployment = () => readWorkload('Deployment', 'spaces');
export const readJob = () => readWorkload('Job', 'spaces-migration');

/** @returns what the image brings along */
export async function dockerfile() {
  const text = await readFile('Dockerfile', 'utf8');
  const last = (instruction: string) =>
    Array.from(text.matchAll(new RegExp(`^${instruction} (.+)$`, 'gm')), ([, value]) =>
      String(value),
    ).at(-1) ?? '';
  return {
    env: assignments(last('ENV')),
    command: as(Type.Array(Type.String()), JSON.parse(last('CMD')), 'CMD'),
    user: last('USER'),
    exposed: Number(last('EXPOSE')),
  };
}

/** @param text `NAME=value`, separated by blanks */
function assignments(text: string): Record<string, string> {
  return Object.fromEntries(
    Array.from(text.matchAll(/(\w+)=(\S*)/g), ([, name, value]): [string, string] => [
      String(name),
      String(value),
    ]),
  );
}

function programOf(command: string): string {
  const [, program] = /^node dist\/(\S+)\.js$/.exec(command) ?? [];
  if (program === undefined) throw new Error(`No program of the build: ${command}`);
  return program;
}

/** @returns the values of a directive of the unit, in their order */
export async function readUnit(): Promise<(directive: string) => string[]> {
  const lines = (await readFile(UNIT, 'utf8')).split('\n');
  return (directive) =>
    lines
      .filter((line) => line.startsWith(`${directive}=`))
      .map((line) => line.slice(directive.length + 1));
}

export async function unitProgram(): Promise<Program> {
  const unit = await readUnit();
  const { secret } = await readDeployment();
  const files = unit('LoadCredential').map((credential): [string, string] => {
    const [id = ''] = credential.split(':');
    return [`%d/${id}`, String(secret[id])];
  });
  return {
    title: UNIT,
    program: programOf(unit('ExecStart').join()),
    env: assignments(unit('Environment').join(' ')),
    files: Object.fromEntries(files),
  };
}

/** @returns compose.yaml with the file over it, as far as these tests look */
export async function readCompose(file: string): Promise<Static<typeof Compose>> {
  const read = async (name: string) => as(Compose, parse(await readFile(name, 'utf8')), name);
  const base = await read('compose.yaml');
  const { services, configs = {} } = await read(file);
  const merged = new Map(Object.entries(base.services));
  for (const [name, service] of Object.entries(services)) {
    const below = merged.get(name);
    const environment = { ...below?.environment, ...service.environment };
    merged.set(name, { ...below, ...service, environment });
  }
  return { services: Object.fromEntries(merged), configs };
}

export const composeFiles = ['deploy/compose.pgbouncer.yaml', 'deploy/compose.failover.yaml'];

async function composePrograms(file: string): Promise<Program[]> {
  const image = await dockerfile();
  return Object.entries((await readCompose(file)).services)
    .filter(([, { build }]) => build !== undefined)
    .map(([name, { command = image.command, environment }]) => ({
      title: `${file}: ${name}`,
      program: programOf(command.join(' ')),
      env: {
        ...image.env,
        ...environment,
        // The shell of whoever starts it brings this one.
        ...(environment?.['JWT_SECRET'] !== undefined && { JWT_SECRET: SECRET }),
      },
      files: {},
    }));
}

/**
 * @param contents what the files hold instead, by the variable that names the file
 * @returns the environment of a program, with its files where a test can put them
 */
export async function environmentOf(
  t: Test,
  { env, files, title }: Program,
  contents: Record<string, string> = { JWT_SECRET_FILE: SECRET },
): Promise<Record<string, string>> {
  const directory = await mkdtemp(join(tmpdir(), 'spaces-deploy-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  const given = { ...env };
  for (const [name, path] of Object.entries(env).filter(([name]) => name.endsWith('_FILE'))) {
    const text = files[path];
    if (text === undefined) throw new Error(`${title}: nothing puts a file at ${path}`);
    given[name] = join(directory, name);
    await writeFile(given[name], contents[name] ?? text);
  }
  return given;
}

export async function constantOf(file: string, name: string): Promise<number> {
  const text = await readFile(file, 'utf8');
  const [, value = ''] = new RegExp(`^const ${name} = ([\\d_]+);`, 'm').exec(text) ?? [];
  return Number(value.replaceAll('_', ''));
}

export async function programs(): Promise<Program[]> {
  const compose = await Promise.all(composeFiles.map(composePrograms));
  return [
    (await readDeployment()).program,
    (await readJob()).program,
    await unitProgram(),
    ...compose.flat(),
  ];
}

/** @returns the custom metric that the service is scaled by, wherever it is named, and its target */
export async function scaledBy() {
  const folder = `${KUBERNETES}/autoscaling-by-requests`;
  const Patches = Type.Object({ patches: Type.Tuple([Type.Object({ patch: Type.String() })]) });
  const Operation = Type.Object({
    path: Type.Literal('/spec/metrics/-'),
    value: Type.Object({
      pods: Type.Object({
        metric: Type.Object({ name: Type.String() }),
        target: Type.Object({ averageValue: Type.String() }),
      }),
    }),
  });
  const Rules = Type.Object({
    rules: Type.Object({ custom: Type.Tuple([Type.Object({ seriesQuery: Type.String() })]) }),
  });
  const [component] = await documentsOf(`${folder}/kustomization.yaml`);
  const [{ patch }] = as(Patches, component, folder).patches;
  const [{ value }] = as(Type.Tuple([Operation]), parse(patch), folder);
  const [values] = await documentsOf(`${folder}/prometheus-adapter.yaml`);
  const [{ seriesQuery }] = as(Rules, values, folder).rules.custom;
  const { metric, target } = value.pods;
  const series = seriesQuery.replace(/\{.*/, '');
  return { names: [metric.name, series], target: Number(target.averageValue) };
}
