/** A write of contents that another one precedes has its whole effect or none. */
import { test } from 'tap';
import type { Answer, Client } from '../../helpers/app.js';
import { type Lab, startLabs } from '../../helpers/contents.js';
import { overlap } from '../../helpers/overlap.js';
import { isProblem } from '../../helpers/problem.js';

interface Race {
  first: (owner: Client, paths: Paths) => Promise<Answer>;
  /** would create a folder */
  second: (owner: Client, paths: Paths) => Promise<Answer>;
}

interface Paths {
  lab: string;
  episode: string;
  asset: string;
  /** the tags before the first write */
  tags: { episode: string; asset: string };
}

/** @param headers beside `If-Match` */
const conditionalUpsert = (headers: Record<string, string>): Race => ({
  first: (owner, { episode }) => owner.patch(episode, { status: 'completed' }),
  second: (owner, { lab, tags }) =>
    owner.send({
      method: 'POST',
      path: `${lab}/episodes`,
      body: { name: 'run', folder: '/left/behind' },
      headers: { 'if-match': tags.episode, ...headers },
    }),
});

const races: Record<string, Race> = {
  'an upsert': conditionalUpsert({}),
  'a keyed upsert': conditionalUpsert({ 'idempotency-key': 'k' }),
  'an update of an episode': {
    first: (owner, { episode }) => owner.patch(episode, { status: 'completed' }),
    second: (owner, { episode, tags }) =>
      owner.send({
        method: 'PATCH',
        path: episode,
        body: { folder: '/left/behind' },
        headers: { 'if-match': tags.episode },
      }),
  },
  'an update of an asset': {
    first: (owner, { asset }) => owner.patch(asset, { tags: ['calibrated'] }),
    second: (owner, { asset, tags }) =>
      owner.send({
        method: 'PATCH',
        path: asset,
        body: { path: '/left/behind/file.bin' },
        headers: { 'if-match': tags.asset },
      }),
  },
};

async function fill(owner: Client, lab: Lab): Promise<Paths> {
  await lab.episode('run');
  const { id } = await lab.asset('/file.bin');
  const episode = `${lab.path}/episodes/run`;
  const asset = `${lab.path}/assets/${id}`;
  const tagOf = async (path: string) => String((await owner.get(path)).headers['etag']);
  const tags = { episode: await tagOf(episode), asset: await tagOf(asset) };
  return { lab: lab.path, episode, asset, tags };
}

for (const [title, { first, second }] of Object.entries(races)) {
  test(`${title} that is rejected after another write creates no folder`, async (t) => {
    const { service, owner, makeLab } = await startLabs(t);
    const lab = await makeLab();
    const paths = await fill(owner, lab);
    const [written, rejected] = await overlap(service, [
      () => first(owner, paths),
      () => second(owner, paths),
    ]);
    t.equal(written.status, 200);
    isProblem(t, rejected, 'precondition_failed');
    t.same((await lab.folders('?recursive=true')).folders, []);
    t.same(await lab.contents(), { folders: 0, episodes: 1, assets: 1 });
  });
}

test('a key replays the response of an upsert that another write precedes', async (t) => {
  const { service, owner, makeLab } = await startLabs(t);
  const lab = await makeLab();
  const { episode } = await fill(owner, lab);
  const upsert = () =>
    owner.send({
      method: 'POST',
      path: `${lab.path}/episodes`,
      body: { name: 'run', status: 'failed' },
      headers: { 'idempotency-key': 'k' },
    });
  const [moved, answer] = await overlap(service, [
    () => owner.patch(episode, { folder: '/created/meanwhile' }),
    upsert,
  ]);
  t.equal(moved.status, 200);
  t.match(answer.json, { status: 'failed', folder: '/created/meanwhile', version: 3 });
  await owner.patch(episode, { status: 'archived', description: 'later' });
  const replays = [await upsert()];
  await owner.delete(episode);
  replays.push(await upsert());
  for (const replay of replays) {
    t.same(
      [replay.status, replay.text, replay.headers['etag']],
      [answer.status, answer.text, answer.headers['etag']],
    );
  }
});
