import { execFile } from 'node:child_process';
import { copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { t, type Test, test } from 'tap';
import { createDemo } from '../../src/development/demo.js';
import { signToken } from '../../src/development/token.js';
import { SECRET, type Send, startService } from '../helpers/app.js';

const execute = promisify(execFile);
const bin = (name: string) => resolve('node_modules/.bin', name);

/** A project outside this one, with the SDK installed as npm would. */
async function makeProject(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spaces-sdk-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const modules = join(folder, 'node_modules');
  await mkdir(join(modules, '@types'), { recursive: true });
  await cp('dist/sdk', join(modules, 'spaces-sdk'), { recursive: true });
  for (const name of ['openapi-fetch', '@types/node']) {
    await symlink(resolve('node_modules', name), join(modules, name));
  }
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  return folder;
}

/** Compiles all programs of a project strictly. */
async function compile(files: string[]): Promise<void> {
  const strict = ['--strict', '--noEmit', '--skipLibCheck', '--types', 'node'];
  const target = ['--target', 'ES2023', '--lib', 'ESNext,DOM', '--module', 'NodeNext'];
  await execute(bin('tsc'), [...strict, ...target, ...files]);
}

/** Starts a service with two spaces. @returns a function that runs a program against it */
async function prepare(t: Test, file: string): Promise<() => Promise<string>> {
  const service = await startService(t);
  const owner = await service.as('owner');
  await owner.post('/namespaces', { slug: 'demo' });
  await owner.post('/namespaces/demo/spaces', { name: 'First' });
  await owner.post('/namespaces/demo/spaces', { name: 'Second', tags: ['late'] });
  const ORIGIN = await service.app.listen({ host: '127.0.0.1', port: 0 });
  const TOKEN = await signToken(SECRET, { subject: 'owner', expiresIn: '1 hour' });
  const env = { ...process.env, ORIGIN, TOKEN };
  return async () => (await execute(bin('tsx'), [file], { env })).stdout;
}

t.setTimeout(300_000);

test('`npm run sdk` builds a package with the version of the API', async (t) => {
  await execute('npm', ['run', 'sdk']);
  const version = async (file: string) =>
    /"version": "(.*)"/.exec(await readFile(file, 'utf8'))?.[1];
  t.equal(await version('dist/sdk/package.json'), await version('openapi/openapi.json'));
  t.match(await version('openapi/openapi.json'), /^\d/);
});

/** @returns the program that a document shows */
async function programOf(document: string): Promise<string> {
  const [, source] = /```ts\n(.*?)```/s.exec(await readFile(document, 'utf8')) ?? [];
  if (source === undefined) throw new Error(`${document} has no program`);
  return `${source}\nexport {};\n`;
}

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const satisfies Send['method'][];

const isMethod = (text: string): text is (typeof METHODS)[number] =>
  METHODS.some((method) => method === text);

/**
 * A line of the first calls in the README: path, method and body of curl. A query is quoted and no comment
 * follows, because zsh would expand the one and pass on the other.
 */
const CALL =
  /^api (?:localhost:3000([^\s'?]+)|'localhost:3000([^']+)')(?: -X ([A-Z]+))?(?: -d '([^']*)')?$/;

test('every first call of the README succeeds', async (t) => {
  const lines = (await readFile('README.md', 'utf8')).match(/^api .*$/gm) ?? [];
  t.ok(lines.length > 10);
  const service = await startService(t);
  await createDemo(service.db);
  const developer = await service.as('developer');
  for (const line of lines) {
    const [, plain, path = plain ?? '', given, body] = CALL.exec(line) ?? [];
    const method = given ?? (body === undefined ? 'GET' : 'POST');
    if (path === '' || !isMethod(method)) throw new Error(`Not a call: ${line}`);
    const answer = await developer.send({ method, path, body });
    t.match(String(answer.status), /^2/, line);
  }
});

test('the documented programs and the SDK', async (t) => {
  const project = await makeProject(t);
  const client = join(project, 'client.ts');
  await writeFile(client, await programOf('docs/clients.md'));
  const record = join(project, 'record.ts');
  await writeFile(record, await programOf('docs/recordings.md'));
  const sdk = join(project, 'sdk.ts');
  await copyFile('test/clients/adapters/sdk.ts', sdk);
  await t.resolves(compile([client, record, sdk]), 'they compile strictly');

  await t.test('the documented client works', async (t) => {
    const run = await prepare(t, client);
    t.match(
      await run(),
      /^made [0-9a-f-]{36}\nfirst \[\]\nsecond \[ 'late' \]\nnight-flights \[ 'night' \]\n$/,
    );
  });

  await t.test('the documented program registers a recording, and can be repeated', async (t) => {
    const assets = [
      '/camera/front.mp4 video',
      '/lidar/top.pcd point-cloud',
      '/joints.csv text-track',
    ];
    const listed = assets.map((line) => new RegExp(`^${line} s3://recordings/run-0043/`, 'm'));
    const run = await prepare(t, record);
    const [first, again] = [await run(), await run()];
    t.match(first, /^registered\n/);
    t.match(again, /^it was registered before\n/);
    for (const output of [first, again]) {
      for (const line of listed) t.match(output, line, String(line));
    }
  });

  await t.test('the SDK retries requests that are safe to repeat, and no others', async (t) => {
    const run = await prepare(t, sdk);
    t.equal(await run(), '');
  });
});
