import { chmod, mkdtemp, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Test, test } from 'tap';
import { fetchInTime } from '../helpers/fetch.js';
import { pickString } from '../helpers/json.js';
import { startProgram, startServer } from '../helpers/process.js';

/** Started without any configuration, as `npm start` does. */
async function startWithNothing(t: Test, cwd: string) {
  const server = startServer(t, { PORT: '0' }, { cwd });
  const [, origin = ''] = await server.waitFor(/API {9}(http:\S+)/);
  const [, token = ''] = await server.waitFor(/export TOKEN=(\S+)/);
  return { server, origin, token };
}

async function call(url: string, token: string, init: RequestInit = {}): Promise<Response> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return fetchInTime(url, { ...init, headers });
}

/** A folder to start in, which PostgreSQL's user can enter where that is another one. */
async function makeFolder(t: Test): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'a checkout-')));
  t.teardown(() => rm(folder, { recursive: true }));
  await chmod(folder, 0o755);
  return folder;
}

test('a start without settings creates a database, demo data and a token, and keeps them', async (t) => {
  const cwd = await makeFolder(t);
  const list = '/namespaces/demo/spaces';
  const demo = {
    name: 'Robotics Lab',
    slug: 'robotics-lab',
    description: 'Main robotics project',
    tags: ['robotics'],
  };

  const first = await startWithNothing(t, cwd);
  const lines = first.server.output().split('\n');
  t.ok(lines.includes(`  ${first.token}`), 'alone on a line, to be pasted into Swagger UI');
  t.equal(first.server.output().match(/curl /g)?.length, 3, 'calls to try');
  const found: unknown = await (await call(first.origin + list, first.token)).json();
  const id = pickString(found, 'spaces', 0, 'id');
  const page = { page: 1, pageSize: 50, total: 1, totalPages: 1 };
  t.same(found, { spaces: [{ id, ...demo }], ...page });
  const changed = await call(`${first.origin}/namespaces/demo/projects/robotics-lab`, first.token, {
    method: 'PATCH',
    body: JSON.stringify({ description: 'Updated description' }),
  });
  t.equal(changed.status, 200);
  first.server.child.kill('SIGTERM');
  t.equal(await first.server.ended, 0);
  await t.rejects(stat(join(cwd, '.data', 'postgres', 'data', 'postmaster.pid')), {
    code: 'ENOENT',
  });

  const second = await startWithNothing(t, cwd);
  const kept = await call(second.origin + list, first.token);
  t.same(await kept.json(), {
    spaces: [{ id, ...demo, description: 'Updated description' }],
    ...page,
  });
  const minting = startProgram(t, ['commands/token', '--sub', 'developer'], {}, { cwd });
  t.equal(await minting.ended, 0);
  const minted = await call(second.origin + list, minting.output().trim());
  t.equal(minted.status, 200, 'npm run token signs with the same secret');
  second.server.child.kill('SIGINT');
  t.equal(await second.server.ended, 0);
});

test('an unusable data folder is reported in one sentence', async (t) => {
  const cwd = await makeFolder(t);
  await writeFile(join(cwd, '.data'), 'not a folder');
  const server = startServer(t, { PORT: '0' }, { cwd });
  t.equal(await server.ended, 1);
  t.match(server.output(), /^The embedded PostgreSQL cannot store its files in .*\n$/);
});
