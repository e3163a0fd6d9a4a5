/** Reads the Compose files. */
import { readFile } from 'node:fs/promises';
import { type Static, Type } from '@sinclair/typebox';
import { parse } from 'yaml';
import { SECRET } from '../helpers/app.js';
import { as } from './files.js';
import { dockerfile, type Program, programOf } from './image.js';
import { Labels } from './kubernetes.js';

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

/** @returns compose.yaml merged with a file, as far as the tests read it */
export async function readCompose(file: string): Promise<Static<typeof Compose>> {
  const read = async (name: string) => as(Compose, parse(await readFile(name, 'utf8')), name);
  const base = await read('compose.yaml');
  const { services, configs = {} } = await read(file);
  const merged = new Map(Object.entries(base.services));
  for (const [name, service] of Object.entries(services)) {
    const earlier = merged.get(name);
    const environment = { ...earlier?.environment, ...service.environment };
    merged.set(name, { ...earlier, ...service, environment });
  }
  return { services: Object.fromEntries(merged), configs };
}

export const composeFiles = ['deploy/compose.pgbouncer.yaml', 'deploy/compose.failover.yaml'];

/** @returns the processes of this service in a Compose file */
export async function composePrograms(file: string): Promise<Program[]> {
  const image = await dockerfile();
  return Object.entries((await readCompose(file)).services)
    .filter(([, { build }]) => build !== undefined)
    .map(([name, { command = image.command, environment }]) => ({
      title: `${file}: ${name}`,
      program: programOf(command.join(' ')),
      env: {
        ...image.env,
        ...environment,
        // The secret comes from the environment of the caller.
        ...(environment?.['JWT_SECRET'] !== undefined && { JWT_SECRET: SECRET }),
      },
      files: {},
    }));
}
