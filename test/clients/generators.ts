import { execFile, type ExecFileOptions } from 'node:child_process';
import { copyFile, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { inspect, promisify } from 'node:util';

const execute = promisify(execFile);

export interface Generator {
  /** its package, and that of what its clients stand on */
  packages: string[];
  makes: string;
  language: 'TypeScript' | 'Python';
  /** the document it is given: the older one where it takes no newer */
  document: 'openapi.json' | 'openapi-3.0.json';
  program: string;
  /** @returns the arguments to write `generated` into a folder */
  arguments(document: string, folder: string): string[];
}

/** By the name of the adapter, a file in `adapters/`. */
export const generators: Record<string, Generator> = {
  'openapi-typescript': {
    packages: ['openapi-typescript', 'openapi-fetch'],
    makes: 'types for a small fetch client',
    language: 'TypeScript',
    document: 'openapi.json',
    program: 'openapi-typescript',
    arguments: (document, folder) => [document, '-o', `${folder}/generated.ts`],
  },
  'swagger-typescript-api': {
    packages: ['swagger-typescript-api'],
    makes: 'one class, from templates',
    language: 'TypeScript',
    document: 'openapi.json',
    program: 'swagger-typescript-api',
    arguments: (document, folder) => ['generate', '-p', document, '-o', folder, '-n', 'generated'],
  },
  oazapfts: {
    packages: ['oazapfts', '@oazapfts/runtime'],
    makes: 'one function for each operation',
    language: 'TypeScript',
    // With 3.1 it treats a nullable object as never null.
    document: 'openapi-3.0.json',
    program: 'oazapfts',
    arguments: (document, folder) => [document, `${folder}/generated.ts`],
  },
  'hey-api': {
    packages: ['@hey-api/openapi-ts'],
    makes: 'an SDK with its own fetch client',
    language: 'TypeScript',
    document: 'openapi.json',
    program: 'openapi-ts',
    // It reads a path without a leading dot or slash as a project of its platform.
    arguments: (document, folder) => [
      ...['-i', `./${document}`],
      ...['-o', `${folder}/generated`, '--no-log-file'],
    ],
  },
  'openapi-generator': {
    packages: ['@openapitools/openapi-generator-cli'],
    makes: 'a package of models and API classes',
    language: 'Python',
    document: 'openapi-3.0.json',
    program: 'openapi-generator',
    arguments: (document, folder) => [
      ...['generate', '-g', 'python', '-i', document, '-o', folder],
      ...['--package-name', 'generated'],
    ],
  },
};

/** What was wrong at each step; nothing where it went well. */
export interface Outcome {
  generates: string;
  compiles: string;
  scenario: string;
}

const compilerOptions = {
  target: 'ES2023',
  lib: ['ES2023', 'DOM', 'DOM.Iterable'],
  module: 'ESNext',
  moduleResolution: 'Bundler',
  types: ['node'],
  strict: true,
  skipLibCheck: true,
  noEmit: true,
};

/** @returns what went wrong and what the program wrote, empty when nothing did */
async function run(
  program: string,
  args: string[],
  options: ExecFileOptions = {},
): Promise<string> {
  return execute(program, args, options).then(
    () => '',
    (error: unknown) =>
      `${inspect(error)}\n${error instanceof Error && 'stdout' in error ? String(error.stdout) : ''}`,
  );
}

const bin = (program: string) => resolve('node_modules/.bin', program);

/** @returns a Python that has what the generated client imports, null when there is none */
async function findPython(): Promise<string | null> {
  for (const python of ['python3', '/usr/bin/python3']) {
    if (!(await run(python, ['-c', 'import certifi, dateutil, six, urllib3']))) return python;
  }
  return null;
}

/** @returns what this machine lacks to try a generator, null when it has all */
export async function lacks({ language }: Generator): Promise<string | null> {
  if (language === 'TypeScript') return null;
  if (await run('java', ['-version'])) return 'there is no java';
  if ((await findPython()) === null) {
    return 'there is no python3 with certifi, dateutil, six and urllib3';
  }
  return null;
}

/** Compiles all clients in TypeScript strictly at once. @returns what is wrong with the one of a generator */
async function compileTypeScript(root: string): Promise<(name: string) => string> {
  await symlink(resolve('node_modules'), join(root, 'node_modules'));
  await writeFile(join(root, 'package.json'), '{ "type": "module" }');
  await writeFile(join(root, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  const output = await run(bin('tsc'), ['-p', root, '--pretty', 'false'], { cwd: root });
  const names = Object.keys(generators);
  const isIn = (line: string) => (name: string) => line.startsWith(`${name}/`);
  const problems = output.split('\n').filter((line) => names.some(isIn(line)));
  if (problems.length === 0) return () => output;
  return (name) => problems.filter((line) => isIn(line)(name)).join('\n');
}

/** A generated client and its adapter, in a folder. */
export interface Client {
  generates: string;
  compiles: string;
  /** @param env where the service is and the token to use: ORIGIN and TOKEN */
  use(env: NodeJS.ProcessEnv): Promise<string>;
}

/**
 * Generates the clients that can be tried here, and compiles them.
 *
 * @param root a folder for all of them
 * @returns by the name of their generator
 */
export async function makeClients(root: string): Promise<Map<string, Client>> {
  const clients = new Map<string, Client>();
  const python = await findPython();
  const generated = new Map<string, string>();
  for (const [name, generator] of Object.entries(generators)) {
    if ((await lacks(generator)) !== null) continue;
    const folder = join(root, name);
    await mkdir(folder);
    const args = generator.arguments(`openapi/${generator.document}`, folder);
    generated.set(name, await run(bin(generator.program), args));
    const adapters =
      generator.language === 'Python' ? [`${name}.py`] : [`${name}.ts`, 'scenario.ts'];
    for (const file of adapters) {
      await copyFile(`test/clients/adapters/${file}`, join(folder, file));
    }
  }
  const problemsOf = await compileTypeScript(root);
  for (const [name, generates] of generated) {
    const folder = join(root, name);
    clients.set(
      name,
      generators[name]?.language === 'Python'
        ? {
            generates,
            compiles: await run(String(python), ['-m', 'compileall', '-q', folder]),
            use: (env) => run(String(python), [join(folder, `${name}.py`)], { env }),
          }
        : {
            generates,
            compiles: problemsOf(name),
            use: (env) => run(bin('tsx'), [join(folder, `${name}.ts`)], { env }),
          },
    );
  }
  return clients;
}

/** @returns the versions that are installed */
async function versionsOf(packages: string[]): Promise<string> {
  const versions = packages.map(async (name) => {
    const text = await readFile(`node_modules/${name}/package.json`, 'utf8');
    return /"version": ?"([^"]+)"/.exec(text)?.[1] ?? '';
  });
  return (await Promise.all(versions)).join(', ');
}

/** The table of `docs/clients.md`, up to its rows. */
export const tableHead = [
  '| generator | version | makes | language | document | compiles | scenario |',
  '|---|---|---|---|---|---|---|',
];

/**
 * @param outcome null when it could not be tried here
 * @returns the row of a generator in that table
 */
export async function tableRow(generator: Generator, outcome: Outcome | null): Promise<string> {
  const { packages, makes, language, document } = generator;
  const word = (problem: string) => (problem ? 'no' : 'yes');
  return `| ${[
    packages.map((name) => `\`${name}\``).join(', '),
    await versionsOf(packages),
    makes,
    language,
    `\`/${document}\``,
    outcome ? word(outcome.generates || outcome.compiles) : 'not checked',
    outcome ? word(outcome.scenario) : 'not checked',
  ].join(' | ')} |`;
}
