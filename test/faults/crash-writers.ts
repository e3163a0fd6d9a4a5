/** Writers and readers that run while the service and PostgreSQL are killed, and record their responses. */
import { pick, pickString } from '../helpers/json.js';
import { beforeDeadline } from '../helpers/wait.js';
import type { CrashClient, Seen } from './crash-client.js';

const collection = '/namespaces/acme/spaces';
const item = (slug: string) => `/namespaces/acme/projects/${slug}`;

/** Starts writers and readers in the namespace `acme`, which it creates. */
export async function startWriters({ send, sendUntilAnswered }: CrashClient) {
  const unexpected: string[] = [];
  const expect = (seen: Seen, ...statuses: number[]) => {
    if (!statuses.includes(seen.status)) unexpected.push(JSON.stringify(seen.json));
  };
  expect(await sendUntilAnswered('POST', '/namespaces', { slug: 'acme' }, 'acme'), 201);

  let stopped = false;
  /** the acknowledged creations with a key */
  const keys: { key: string; id: string }[] = [];
  /** the id of the response by slug; null where there was none */
  const unkeyed = new Map<string, string | null>();
  /** the updates by slug: attempted, acknowledged, and the number of the last acknowledged one */
  const updates = new Map<string, { attempts: number; acknowledged: number; last: number }>();
  /** the number of spaces that were created, and then deleted, by slug */
  const churned = new Map<string, number>();

  const create = async (slug: string, key: string) => {
    const seen = await sendUntilAnswered('POST', collection, { name: `Space ${slug}`, slug }, key);
    expect(seen, 201);
    if (seen.status === 201) keys.push({ key, id: pickString(seen.json, 'id') });
  };
  /** Creates without a key, once each. */
  const createUnkeyed = async () => {
    for (let count = 0; !stopped; count += 1) {
      const slug = `unkeyed-${count}`;
      unkeyed.set(slug, null);
      const seen = await send('POST', collection, { name: 'A space', slug });
      if (!seen) continue;
      expect(seen, 201);
      unkeyed.set(slug, pickString(seen.json, 'id'));
    }
  };
  const writers = [
    /** Creates with a key, until each is acknowledged. */
    ...['a', 'b', 'c'].map(async (name) => {
      for (let count = 0; !stopped; count += 1)
        await create(`${name}-${count}`, `${name}-${count}`);
    }),
    /** Creates and deletes under one slug: a second effect leaves an extra row. */
    ...['d', 'e'].map(async (name) => {
      for (let count = 1; !stopped; count += 1) {
        await create(name, `${name}-${count}`);
        churned.set(name, count);
        expect(await sendUntilAnswered('DELETE', item(name)), 204, 404);
      }
    }),
    createUnkeyed(),
    /** Updates without a key, once each: the version counts the effects. */
    ...['f', 'g'].map(async (name) => {
      await create(name, name);
      const counts = { attempts: 0, acknowledged: 0, last: 0 };
      updates.set(name, counts);
      while (!stopped) {
        counts.attempts += 1;
        const description = String(counts.attempts);
        const seen = await send('PATCH', item(name), { description });
        if (!seen) continue;
        expect(seen, 200);
        counts.acknowledged += 1;
        counts.last = counts.attempts;
      }
    }),
  ];
  /** the number of acknowledged assets by the name of their episode */
  const recorded = new Map<string, number>();
  const recording = item('recordings');
  /** Creates an episode, its folder and its assets, until each is acknowledged. */
  const record = async () => {
    await create('recordings', 'recordings');
    for (let count = 0; !stopped; count += 1) {
      const name = `run-${count}`;
      const folder = `/day-${count % 5}/${count}`;
      expect(await sendUntilAnswered('POST', `${recording}/episodes`, { name, folder }), 200, 201);
      const assets = Array.from({ length: 3 }, (_, index) => ({
        ...{ path: `/${index}`, kind: 'file', uri: 'urn:a:b', episode: name },
      }));
      const batch = await sendUntilAnswered('POST', `${recording}/assets/batch`, { assets }, name);
      expect(batch, 201);
      if (batch.status === 201) recorded.set(name, assets.length);
    }
  };
  writers.push(record());
  const stale: string[] = [];
  let lists = 0;
  /** Reads the updated spaces in a list: each has the last acknowledged update, or a later one. */
  const readLists = async () => {
    while (!stopped) {
      const known = Array.from(updates, ([slug, { last }]) => ({ slug, last }));
      const seen = await send('GET', `${collection}?slug=f&slug=g`);
      if (!seen) continue;
      lists += 1;
      const shown = pick(seen.json, 'spaces');
      const spaces: unknown[] = Array.isArray(shown) ? shown : [];
      for (const { slug, last } of known) {
        const space = spaces.find((each) => pick(each, 'slug') === slug);
        const description = Number(pick(space, 'description') ?? 0);
        if (description < last) stale.push(`${slug}: ${description} after ${last}`);
      }
    }
  };
  writers.push(readLists());

  return {
    ...{ keys, unkeyed, updates, churned, recorded, unexpected, stale },
    lists: () => lists,
    stop: async () => {
      stopped = true;
      await beforeDeadline('the last responses of the writers', Promise.all(writers));
    },
  };
}
