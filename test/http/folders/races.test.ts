/** A folder that moves while another request writes it, or an episode in it. */
import { test } from 'tap';
import { type Lab, startLabs } from '../../helpers/contents.js';
import { overlap } from '../../helpers/overlap.js';
import { isProblem } from '../../helpers/problem.js';

/** A space with an episode in a subtree. */
async function fill(lab: Lab) {
  const folder = await lab.folder('/a');
  await lab.folder('/a/b/c');
  await lab.episode('run', { folder: '/a/b' });
  await lab.episode('other', { folder: '/a' });
  return `${lab.path}/folders/${folder.id}`;
}

const pathsIn = async (lab: Lab) =>
  (await lab.folders('?recursive=true')).folders.map(({ path }) => path);

test('a conditional move moves nothing when another write of the folder precedes it', async (t) => {
  const { service, owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const path = await fill(lab);
  const tag = String((await owner.get(path)).headers['etag']);
  const [written, moved] = await overlap(service, [
    () => owner.patch(path, { metadata: { site: 'hall-3' } }),
    () => owner.send({ method: 'PATCH', path, body: { path: '/m' }, headers: { 'if-match': tag } }),
  ]);
  t.equal(written.status, 200);
  isProblem(t, moved, 'precondition_failed');
  t.same(await pathsIn(lab), ['/a', '/a/b', '/a/b/c']);
  t.equal((await lab.getEpisode('run')).folder, '/a/b');
});

test('a merge patch moves the whole subtree after another write of the folder', async (t) => {
  const { service, owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const path = await fill(lab);
  const [written, moved] = await overlap(service, [
    () => owner.patch(path, { metadata: { site: 'hall-3' } }),
    () => owner.mergePatch(path, { path: '/m', metadata: { robot: 'arm-2' } }),
  ]);
  t.equal(written.status, 200);
  t.match(moved.json, { path: '/m', metadata: { site: 'hall-3', robot: 'arm-2' } });
  t.same(await pathsIn(lab), ['/m', '/m/b', '/m/b/c']);
});

const protections: Record<
  string,
  (lab: Lab) => { method: 'POST' | 'PATCH'; path: string; body: object }
> = {
  'is created protected': ({ path }) => ({
    method: 'POST',
    path: `${path}/episodes`,
    body: { name: 'new', folder: '/a/b', writeProtected: true },
  }),
  'becomes protected by an upsert': ({ path }) => ({
    method: 'POST',
    path: `${path}/episodes`,
    body: { name: 'run', writeProtected: true },
  }),
  'becomes protected by an update': ({ path }) => ({
    method: 'PATCH',
    path: `${path}/episodes/run`,
    body: { writeProtected: true },
  }),
};
for (const [title, protection] of Object.entries(protections)) {
  test(`a folder does not move while an episode in it ${title}`, async (t) => {
    const { service, owner, makeLab } = await startLabs(t);
    const lab = await makeLab();
    const path = await fill(lab);
    const [written, moved] = await overlap(service, [
      () => owner.send(protection(lab)),
      () => owner.patch(path, { path: '/m' }),
    ]);
    t.match(written.json, { folder: '/a/b', writeProtected: true });
    isProblem(t, moved, 'write_protected');
    t.same(await pathsIn(lab), ['/a', '/a/b', '/a/b/c']);
    t.equal((await lab.getEpisode('run')).folder, '/a/b');
  });
}
