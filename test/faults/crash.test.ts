/**
 * PostgreSQL and the service are killed with -9, again and again, while writers write. Afterwards what
 * was acknowledged is there once, and nothing is there by half. `CRASH_KILLS` says how often each.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import postgres from 'postgres';
import { test } from 'tap';
import { migrate } from '../../src/db/migrate.js';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/development/postgres/index.js';
import { signToken } from '../../src/development/token.js';
import { SECRET } from '../helpers/app.js';
import { pick, pickString } from '../helpers/json.js';
import { type Running, startServer } from '../helpers/process.js';
import { startNetwork } from './network.js';
import { killServer } from './processes.js';

const KILLS = Number(process.env['CRASH_KILLS'] ?? 3);

/** How many writes are acknowledged between two kills. */
const PROGRESS = 60;

/** How long a client waits for an answer, and before it tries again. */
const PATIENCE_MS = 10_000;
const BACKOFF_MS = 20;

interface Seen {
  status: number;
  json: unknown;
  isReplayed: boolean;
}

test('what was acknowledged is there once, however PostgreSQL and the service are killed', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'spaces-crash-'));
  await chmod(directory, 0o755);
  const network = await startNetwork(t);
  let server: EmbeddedPostgres;
  const startPostgres = async () => {
    // With fsync and everything else that makes a commit last.
    server = await startEmbeddedPostgres({ directory, database: 'spaces' });
    network.target = Number(new URL(server.url).port);
    return server;
  };
  server = await startPostgres();
  t.teardown(async () => {
    await server.stop();
    await rm(directory, { recursive: true, force: true });
    await rm(server.directory, { recursive: true, force: true });
  });
  await migrate(server.url);
  const url = new URL(server.url);
  url.port = String(network.port);

  let service: Running;
  let port = 0;
  const startService = async () => {
    service = startServer(t, {
      DATABASE_URL: url.href,
      JWT_SECRET: SECRET,
      NODE_ENV: 'production',
      PORT: '0',
      MIGRATE_ON_START: 'false',
    });
    const [, found] = await service.waitFor(/Server listening at http:\/\/127\.0\.0\.1:(\d+)/);
    port = Number(found);
  };
  const killService = async () => {
    service.child.kill('SIGKILL');
    await service.ended;
  };
  const killPostgres = async () => {
    await killServer(server);
    // Ended already, but the folder is still ours.
    await server.stop();
  };
  await startService();

  const authorization = `Bearer ${await signToken(SECRET, { subject: 'alice', expiresIn: '1 hour' })}`;
  const figures = { requests: 0, unanswered: 0, refused: 0, acknowledged: 0, replayed: 0 };
  const unexpected: string[] = [];
  let onAcknowledged: () => void = () => undefined;

  /** @returns null when there was no answer, or one that says "not now" */
  const send = async (method: string, path: string, body?: object, key?: string) => {
    figures.requests += 1;
    try {
      const answer = await fetch(`http://127.0.0.1:${port}${path}`, {
        method,
        headers: {
          authorization,
          ...(body && { 'content-type': 'application/json' }),
          ...(key !== undefined && { 'idempotency-key': key }),
        },
        ...(body && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const text = await answer.text();
      const seen: Seen = {
        status: answer.status,
        json: text === '' ? undefined : JSON.parse(text),
        isReplayed: answer.headers.get('idempotent-replayed') === 'true',
      };
      const isBusy = pick(seen.json, 'code') === 'idempotency_key_in_use';
      if (seen.status !== 503 && !isBusy) {
        if (seen.isReplayed) figures.replayed += 1;
        if (seen.status < 300 && method !== 'GET') {
          figures.acknowledged += 1;
          onAcknowledged();
        }
        return seen;
      }
      figures.refused += 1;
    } catch {
      figures.unanswered += 1;
    }
    await setTimeout(BACKOFF_MS);
    return null;
  };
  /** Repeats a request until it is answered. */
  const insist = async (...request: Parameters<typeof send>): Promise<Seen> =>
    (await send(...request)) ?? insist(...request);
  const expect = (seen: Seen, ...statuses: number[]) => {
    if (!statuses.includes(seen.status)) unexpected.push(JSON.stringify(seen.json));
  };
  const collection = '/namespaces/acme/spaces';
  const item = (slug: string) => `/namespaces/acme/projects/${slug}`;
  expect(await insist('POST', '/namespaces', { slug: 'acme' }, 'acme'), 201);

  let stopped = false;
  const keys: { key: string; id: string }[] = [];
  /** by slug, the id that was answered; null where there was no answer */
  const unkeyed = new Map<string, string | null>();
  const updates = new Map<string, { attempts: number; acknowledged: number; last: number }>();
  const churned = new Map<string, number>();

  const create = async (slug: string, key: string) => {
    const seen = await insist('POST', collection, { name: `Space ${slug}`, slug }, key);
    expect(seen, 201);
    if (seen.status === 201) keys.push({ key, id: pickString(seen.json, 'id') });
  };
  /** Creates without a key, and tries once. */
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
    /** Creates, and repeats until it is acknowledged. */
    ...['a', 'b', 'c'].map(async (name) => {
      for (let count = 0; !stopped; count += 1)
        await create(`${name}-${count}`, `${name}-${count}`);
    }),
    /** Creates and deletes under one slug: what is had twice leaves a row too many. */
    ...['d', 'e'].map(async (name) => {
      for (let count = 1; !stopped; count += 1) {
        await create(name, `${name}-${count}`);
        churned.set(name, count);
        expect(await insist('DELETE', item(name)), 204, 404);
      }
    }),
    createUnkeyed(),
    /** Updates without a key, and tries each once: the version counts the effects. */
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
  /** the names of episodes whose assets were acknowledged, and how many those are */
  const recorded = new Map<string, number>();
  const recording = item('recordings');
  /** Registers an episode, its folder and its assets, each again until it is acknowledged. */
  const record = async () => {
    await create('recordings', 'recordings');
    for (let count = 0; !stopped; count += 1) {
      const name = `run-${count}`;
      const folder = `/day-${count % 5}/${count}`;
      expect(await insist('POST', `${recording}/episodes`, { name, folder }), 200, 201);
      const assets = Array.from({ length: 3 }, (_, index) => ({
        ...{ path: `/${index}`, kind: 'file', uri: 'urn:a:b', episode: name },
      }));
      const batch = await insist('POST', `${recording}/assets/batch`, { assets }, name);
      expect(batch, 201);
      if (batch.status === 201) recorded.set(name, assets.length);
    }
  };
  writers.push(record());
  const stale: string[] = [];
  let lists = 0;
  /** Reads the updated spaces in a list: each has what was acknowledged before, or something later. */
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
  const progress = () =>
    new Promise<void>((resolve) => {
      let left = PROGRESS;
      onAcknowledged = () => {
        if ((left -= 1) === 0) resolve();
      };
    });

  await progress();
  for (let kill = 0; kill < KILLS; kill += 1) {
    await killPostgres();
    await startPostgres();
    await progress();
    await killService();
    await startService();
    await progress();
  }
  stopped = true;
  await Promise.all(writers);

  const sql = postgres(server.url, { max: 1 });
  const rows = await sql<
    { id: string; slug: string; version: number; description: string | null }[]
  >`
    select id, slug, version, description from spaces`;
  const ids = new Set(rows.map(({ id }) => id));
  const rowsOf = (slug: string) => rows.filter((row) => row.slug === slug);
  const [counted] = await sql<Record<string, number>[]>`
    select (select sum(active)::int from space_counters) as counter,
      (select count(*)::int from spaces where deleted_at is null) as active,
      (select count(*)::int from namespaces) as namespaces,
      (select count(*)::int from members) as members`;
  const stored = await sql<{ key: string; id: string }[]>`
    select key, answer ->> 'id' as id from idempotency_keys where operation = 'createSpace'`;
  const contents = await sql<{ kind: string; active: number }[]>`
    select kind, sum(active)::int as active from content_counters group by kind order by kind`;
  const [content] = await sql<Record<string, number>[]>`
    select (select count(*)::int from folders) as folders, (select count(*)::int from episodes) as episodes,
      (select count(*)::int from assets) as assets`;
  const assetsOf = await sql<{ name: string; assets: number }[]>`
    select name, count(assets.id)::int as assets
    from episodes left join assets on episode_id = episodes.id group by name`;
  await sql.end();

  const lost = [
    ...keys.filter(({ id }) => !ids.has(id)),
    ...[...unkeyed].filter(([, id]) => id !== null && !ids.has(id)),
  ];
  const once = keys.map(({ key }) => key).filter((key) => !churned.has(key.slice(0, 1)));
  const doubled = [...once, ...unkeyed.keys()].filter((slug) => rowsOf(slug).length > 1);
  t.same(unexpected, [], 'each answer is a success or says "not now"');
  t.same(stale, [], 'no list lacks an update that was acknowledged before it was asked for');
  t.ok(lists > 0, 'lists were read meanwhile');
  t.same(lost, [], 'no acknowledged write is lost');
  t.same(doubled, [], 'none is there twice');
  for (const [slug, count] of churned) {
    t.equal(rowsOf(slug).length, count, `"${slug}" was created ${count} times, once for each key`);
  }
  for (const [slug, { attempts, acknowledged, last }] of updates) {
    const [row] = rowsOf(slug);
    const effects = (row?.version ?? 0) - 1;
    t.ok(
      acknowledged <= effects && effects <= attempts,
      `"${slug}": ${acknowledged} updates acknowledged, ${effects} had, ${attempts} tried`,
    );
    t.ok(
      Number(row?.description) >= last,
      `"${slug}" has the last one acknowledged, or a later one`,
    );
  }
  t.same(
    sortedBy(stored),
    sortedBy(keys),
    'each key is kept with the space it was answered, and no other key',
  );
  const registered = new Map(assetsOf.map(({ name, assets }) => [name, assets]));
  t.same(
    [...recorded].filter(([name, assets]) => registered.get(name) !== assets),
    [],
    'each recording has its assets, once',
  );
  t.same(
    Object.fromEntries(contents.map(({ kind, active }) => [kind, active])),
    { ...content },
    'so are those of what the spaces contain',
  );
  t.match(
    counted,
    { counter: counted?.['active'], namespaces: 1, members: 1 },
    'counters are exact',
  );
  t.comment(
    `${KILLS} kills of PostgreSQL, ${KILLS} of the service; ${figures.requests} requests, ${figures.unanswered} without an answer, ${figures.refused} told to come back, ${figures.acknowledged} acknowledged, ${figures.replayed} of them when repeated; ${lists} lists; ${rows.length} spaces; ${lost.length} lost, ${doubled.length} doubled`,
  );
});

function sortedBy(keys: readonly { key: string; id: string }[]) {
  return keys.map(({ key, id }) => `${key} ${id}`).sort();
}
