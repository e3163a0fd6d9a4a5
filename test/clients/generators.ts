import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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

/** @returns what went wrong, empty when nothing did */
async function run(program: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<string> {
  return execute(program, args, { env: { ...process.env, ...env } }).then(
    () => '',
    (error: unknown) => inspect(error),
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

/** The commands that check a client and use it, in its folder. */
async function toolchain({ language }: Generator, adapter: string, folder: string) {
  if (language === 'TypeScript') {
    await symlink(resolve('node_modules'), join(folder, 'node_modules'));
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    for (const file of [`${adapter}.ts`, 'scenario.ts']) {
      await copyFile(`test/clients/adapters/${file}`, join(folder, file));
    }
    return {
      compile: () => run(bin('tsc'), ['-p', folder]),
      use: (env: NodeJS.ProcessEnv) => run(bin('tsx'), [join(folder, `${adapter}.ts`)], env),
    };
  }
  const python = String(await findPython());
  const file = join(folder, `${adapter}.py`);
  await copyFile(`test/clients/adapters/${adapter}.py`, file);
  return {
    compile: () => run(python, ['-m', 'compileall', '-q', folder]),
    use: (env: NodeJS.ProcessEnv) => run(python, [file], env),
  };
}

/**
 * Generates a client, compiles it and runs the scenario with it.
 *
 * @param name of the generator
 * @param env where the service is and the token to use: ORIGIN and TOKEN
 */
export async function tryOut(name: string, generator: Generator, env: NodeJS.ProcessEnv) {
  const folder = await mkdtemp(join(tmpdir(), 'spaces-client-'));
  try {
    const { compile, use } = await toolchain(generator, name, folder);
    const args = generator.arguments(`openapi/${generator.document}`, folder);
    const generates = await run(bin(generator.program), args);
    const compiles = await compile();
    return { generates, compiles, scenario: await use(env) };
  } finally {
    await rm(folder, { recursive: true });
  }
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
