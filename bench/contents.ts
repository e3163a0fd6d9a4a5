/**
 * The contents of a space: `npm run bench:contents`, about four minutes. The database has a space of a million
 * episodes and assets, one of 50 and a hundred empty ones. Measured are the first page of the first two, upserts into
 * one space and into a hundred, assets in batches, and a traversal of the million by cursor under writes.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import autocannon from 'autocannon';
import postgres from 'postgres';
import { migrate } from '../src/db/migrate.js';
import { startEmbeddedPostgres } from '../src/development/postgres/index.js';
import { signToken } from '../src/development/token.js';
import { holdSlugs, SUBJECT } from './data.js';
import { run } from './load.js';
import { median } from './median.js';
import { startCandidate } from './processes.js';

const SECRET = 'a secret that is only used by the benchmark';
const LARGE = Number(process.env['BENCH_EPISODES'] ?? 1_000_000);
const SPREAD = 100;
const ROUNDS = 5;
const SECONDS = 3;
const CONNECTIONS = 32;
const BATCH = 100;

const base = '/namespaces/acme/projects';

const fill = `
  insert into namespaces (id, slug) values (uuidv7(), 'acme');
  insert into members (namespace_id, subject, role) select id, '${SUBJECT}', 'owner' from namespaces;
  insert into subject_counters (subject, memberships, created) values ('${SUBJECT}', 1, 1);
  insert into spaces (namespace_id, id, name, slug, tags)
  select id, uuidv7(), 'Space', space_slug, '[]' from namespaces,
    unnest(array['large', 'fifty', 'one'] || array(select 'spread-' || i from generate_series(0, ${SPREAD - 1}) i)) as space_slug;
  insert into space_counters (namespace_id, slot, active) select namespace_id, 0, count(*) from spaces group by 1;
  insert into folders (namespace_id, space_id, path)
  select namespace_id, id, '/day-' || i from spaces, generate_series(0, 99) i where slug in ('large', 'fifty');
  insert into episodes (namespace_id, space_id, id, name, description, tags, status, write_protected, folder_id, metadata)
  select s.namespace_id, s.id, uuidv7(), 'run-' || i, 'A recorded run of ordinary length, number ' || i,
    jsonb_build_array('night', 'tag-' || i % 1000), 'completed', false, f.id, jsonb_build_object('robot', 'arm-' || i % 500)
  from spaces s, generate_series(1, case s.slug when 'large' then ${LARGE} when 'fifty' then 50 else 0 end) i,
    lateral (select id from folders f where f.space_id = s.id and f.path = '/day-' || i % 100) f;
  insert into assets (namespace_id, space_id, id, episode_id, local_path, kind, uri, tags)
  select namespace_id, space_id, uuidv7(), id, '/camera/front.mp4', 'video', 's3://recordings/' || name, '[]' from episodes;
  insert into content_counters (namespace_id, space_id, kind, slot, active)
  select namespace_id, space_id, 'folders'::content_kind, 0, count(*) from folders group by 1, 2
  union all select namespace_id, space_id, 'episodes', 0, count(*) from episodes group by 1, 2
  union all select namespace_id, space_id, 'assets', 0, count(*) from assets group by 1, 2`;

const directory = await mkdtemp(join(tmpdir(), 'spaces-contents-'));
const server = await startEmbeddedPostgres({ directory, database: 'bench' });
const sql = postgres(server.url, { max: 1, onnotice: () => undefined });
try {
  await migrate(server.url);
  // The inverted indexes are created afterwards, which is much faster than an insert of each row.
  const searches = await sql<{ name: string; definition: string }[]>`
    select indexname as name, indexdef as definition from pg_indexes
    where indexname in ('episodes_search_index', 'assets_search_index')`;
  for (const { name } of searches) await sql.unsafe(`drop index ${name}`);
  await sql.unsafe(fill);
  await sql.unsafe(holdSlugs);
  for (const { definition } of searches) await sql.unsafe(definition);
  await sql`vacuum analyze`;
  await sql`checkpoint`;
  const service = await startCandidate('service', ['dist/server.js'], {
    DATABASE_URL: server.url,
    JWT_SECRET: SECRET,
    NODE_ENV: 'production',
    MIGRATE_ON_START: 'false',
    // Each page is read, because a cached page costs the same for every size.
    PAGE_CACHE_BYTES: '0',
  });
  const token = await signToken(SECRET, { subject: SUBJECT, expiresIn: '1 day' });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  let n = 0;

  const read = async (path: string) => {
    const load = { token, seconds: SECONDS, connections: CONNECTIONS };
    const { requestsPerSecond, failures } = await run({ ...load, url: service.origin + path });
    if (failures > 0) throw new Error(`${failures} failures of ${path}`);
    return requestsPerSecond;
  };
  const write = async (pathOf: (n: number) => string, bodyOf: (n: number) => object) => {
    const result = await autocannon({
      url: service.origin,
      connections: CONNECTIONS,
      duration: SECONDS,
      requests: [
        {
          method: 'POST',
          headers,
          setupRequest: (request) => {
            n += 1;
            return { ...request, path: pathOf(n), body: JSON.stringify(bodyOf(n)) };
          },
        },
      ],
    });
    if (result.non2xx + result.errors > 0) throw new Error(`${result.non2xx} failures of writes`);
    return result.requests.average;
  };
  const episode = (count: number) => ({
    name: `new-${count}`,
    folder: `/day-${count % 10}`,
    tags: ['night'],
  });

  /** @returns the medians of alternating rounds, and the median of their ratios */
  const compare = async (one: () => Promise<number>, other: () => Promise<number>) => {
    const rounds: [number, number][] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      if (round % 2 === 0) rounds.push([await one(), await other()]);
      else rounds.push((([b, a]) => [a, b])([await other(), await one()] as const));
    }
    return {
      one: Math.round(median(rounds.map(([rate]) => rate))),
      other: Math.round(median(rounds.map(([, rate]) => rate))),
      ratio: Number(median(rounds.map(([a, b]) => a / b)).toFixed(2)),
    };
  };

  const rows: Record<string, object> = {};
  for (const [kind, name] of [
    ['episodes', 'first page of episodes'],
    ['assets', 'first page of assets'],
    ['episodes?sort=name', 'first page by name'],
    ['folders', 'folders of the root, 100 in both'],
  ]) {
    rows[`${name}: ${LARGE} / 50`] = await compare(
      () => read(`${base}/large/${kind}`),
      () => read(`${base}/fifty/${kind}`),
    );
  }
  rows[`upserts: one space / spread over ${SPREAD}`] = await compare(
    () => write(() => `${base}/one/episodes`, episode),
    () => write((count) => `${base}/spread-${count % SPREAD}/episodes`, episode),
  );
  rows['upserts of new names: the large space / an empty one'] = await compare(
    () => write(() => `${base}/large/episodes`, episode),
    () => write(() => `${base}/one/episodes`, episode),
  );
  const batches = await write(
    (count) => `${base}/spread-${count % SPREAD}/assets/batch`,
    (count) => ({
      assets: Array.from({ length: BATCH }, (_, index) => ({
        path: `/batch-${count % 10}/${count}-${index}.mp4`,
        kind: 'video',
        uri: `s3://recordings/${count}/${index}`,
      })),
    }),
  );
  rows[`assets in batches of ${BATCH}`] = {
    batches: Math.round(batches),
    assets: Math.round(batches * BATCH),
  };
  console.table(rows);

  // An episode that exists during the whole traversal is seen once.
  const before = await sql<{ id: string }[]>`
    select id from episodes where space_id = (select id from spaces where slug = 'large')`;
  let writing = true;
  let written = 0;
  const writer = (async () => {
    const isStopped = () => !writing;
    for (let count = 0; !isStopped(); count += 1) {
      for (const body of [
        episode((n += 1)),
        { name: `run-${(count % LARGE) + 1}`, status: 'failed' },
      ]) {
        const url = `${service.origin}${base}/large/episodes`;
        await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
        written += 1;
      }
    }
  })();
  const seen = new Map<string, number>();
  const begun = performance.now();
  let cursor: string | null = 'start';
  let slowest = 0;
  while (cursor !== null) {
    const started = performance.now();
    const url = `${service.origin}${base}/large/episodes?pageSize=200&cursor=${cursor}`;
    const page = (await (await fetch(url, { headers })).json()) as {
      episodes: { id: string }[];
      nextCursor: string | null;
    };
    slowest = Math.max(slowest, performance.now() - started);
    for (const { id } of page.episodes) seen.set(id, (seen.get(id) ?? 0) + 1);
    cursor = page.nextCursor;
  }
  writing = false;
  await writer;
  console.table({
    'traversal by cursor under writes': {
      items: seen.size,
      seconds: Math.round((performance.now() - begun) / 1000),
      'slowest page, ms': Math.round(slowest),
      'concurrent writes': written,
      missed: before.filter(({ id }) => !seen.has(id)).length,
      doubled: [...seen.values()].filter((count) => count > 1).length,
    },
  });
  await service.stop();
} finally {
  await sql.end();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
}
