import { execFileSync, execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { test } from 'tap';
import { signToken } from '../../src/token.js';
import { SECRET, startService } from '../helpers/app.js';

test('the client in the README does what it says', async (t) => {
  const [, source] = /```ts\n(.*?)```/s.exec(await readFile('README.md', 'utf8')) ?? [];
  if (source === undefined) throw new Error('README.md has no client');
  const folder = await mkdtemp(join(tmpdir(), 'spaces-readme-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await symlink(resolve('node_modules'), join(folder, 'node_modules'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(join(folder, 'client.ts'), source);
  const bin = (name: string) => resolve('node_modules/.bin', name);
  execFileSync(bin('openapi-typescript'), ['openapi/openapi.json', '-o', `${folder}/schema.d.ts`]);
  const strict = ['--strict', '--noEmit', '--skipLibCheck', '--target', 'ES2023'];
  const modules = ['--module', 'ESNext', '--moduleResolution', 'Bundler', '--types', 'node'];
  execFileSync(bin('tsc'), [...strict, ...modules, join(folder, 'client.ts')]);

  const service = await startService(t);
  const owner = await service.as('owner');
  await owner.post('/namespaces', { slug: 'demo' });
  await owner.post('/namespaces/demo/spaces', { name: 'First' });
  const ORIGIN = await service.app.listen({ host: '127.0.0.1', port: 0 });
  const TOKEN = await signToken(SECRET, { subject: 'owner', expiresIn: '1 hour' });
  const { stdout } = await promisify(execFile)(bin('tsx'), [join(folder, 'client.ts')], {
    env: { ...process.env, ORIGIN, TOKEN },
  });
  t.equal(stdout, 'first\nnight-flights\n');
});
