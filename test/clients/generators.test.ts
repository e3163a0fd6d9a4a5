import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { inspect, promisify } from 'node:util';
import { test } from 'tap';
import { signToken } from '../../src/token.js';
import { SECRET, startService } from '../helpers/app.js';

const execute = promisify(execFile);

/** The program of each generator, and its arguments for a document and the folder to write to. */
const generators: Record<string, [string, (document: string, folder: string) => string[]]> = {
  'openapi-typescript': [
    'openapi-typescript',
    (document, folder) => [document, '-o', `${folder}/generated.ts`],
  ],
  'swagger-typescript-api': [
    'swagger-typescript-api',
    (document, folder) => ['generate', '-p', document, '-o', folder, '-n', 'generated.ts'],
  ],
  oazapfts: ['oazapfts', (document, folder) => [document, `${folder}/generated.ts`]],
  'hey-api': [
    'openapi-ts',
    // A path that does not begin with a dot or a slash is taken for a project on its platform.
    (document, folder) => ['-i', `./${document}`, '-o', `${folder}/generated`, '--no-log-file'],
  ],
};

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

for (const [name, [program, options]] of Object.entries(generators)) {
  test(`the client that ${name} makes compiles strictly and does its work`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'spaces-client-'));
    t.teardown(() => rm(folder, { recursive: true }));
    await symlink(resolve('node_modules'), join(folder, 'node_modules'));
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    for (const file of ['scenario', name]) {
      await copyFile(`test/clients/adapters/${file}.ts`, join(folder, `${file}.ts`));
    }
    const runProgram = async (file: string, args: string[], env = {}) =>
      execute(resolve('node_modules/.bin', file), args, { env: { ...process.env, ...env } }).then(
        () => '',
        (error: unknown) => inspect(error),
      );

    t.equal(await runProgram(program, options('openapi/openapi.json', folder)), '', 'generates');
    t.equal(await runProgram('tsc', ['-p', folder]), '', 'compiles');

    const service = await startService(t);
    const owner = await service.as('owner');
    await owner.post('/namespaces', { slug: 'clients' });
    const ORIGIN = await service.app.listen({ host: '127.0.0.1', port: 0 });
    const TOKEN = await signToken(SECRET, { subject: 'owner', expiresIn: '1 hour' });
    const scenario = join(folder, `${name}.ts`);
    t.equal(await runProgram('tsx', [scenario], { ORIGIN, TOKEN }), '', 'the scenario');
  });
}
