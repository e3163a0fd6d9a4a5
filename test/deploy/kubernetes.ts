/** Reads `deploy/kubernetes`. */
import { posix } from 'node:path';
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { parse } from 'yaml';
import { as, documentsOf, filesOf } from './files.js';
import { dockerfile, type Program, programOf } from './image.js';

export const KUBERNETES = 'deploy/kubernetes';

export const Labels = Type.Record(Type.String(), Type.String());
const Probe = Type.Object({ httpGet: Type.Object({ path: Type.String(), port: Type.String() }) });

const Container = Type.Object({
  image: Type.String(),
  command: Type.Optional(Type.Array(Type.String())),
  // Kubernetes rejects an unquoted value that is not a string.
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

/** @returns the manifests, with the example of the secrets */
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

/** @returns the custom metric of the autoscaler, under its two names, and its target */
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
