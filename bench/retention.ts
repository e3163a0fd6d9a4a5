/**
 * The retention beside a steady load: `npm run bench:retention`, about eight minutes. 100,000 deleted spaces with
 * contents are erased at the pace of the service's own task while other namespaces are listed and updated at a fixed
 * rate. The table has the p99 before, during each part of it, and afterwards.
 */
import { fork } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import postgres from 'postgres';
import { migrate } from '../src/db/migrate.js';
import { startEmbeddedPostgres } from '../src/development/postgres/index.js';
import { signToken } from '../src/development/token.js';
import { runRetention } from '../src/retention.js';
import { holdSlugs, SUBJECT } from './data.js';
import type { LoadPlan, LoadResult } from './load-generator.js';
import { percentile99 } from './median.js';
import { startCandidate } from './processes.js';

const SECRET = 'a secret that is only used by the benchmark';
const SPACES = Number(process.env['BENCH_SPACES'] ?? 100_000);
const NAMESPACES = 100;
const SECONDS = 10;
const LISTS_PER_SECOND = 200;
const UPDATES_PER_SECOND = 20;
const CLIENTS = 16;
const RETENTION_DAYS = 30;

/** Each deleted space has a folder, an episode and two assets; the namespace `live` has 50 spaces. */
const fill = `
  insert into namespaces (id, slug) select uuidv7(), 'old-' || i from generate_series(1, ${NAMESPACES}) i;
  insert into namespaces (id, slug) values (uuidv7(), 'live');
  insert into members (namespace_id, subject, role) select id, '${SUBJECT}', 'owner' from namespaces;
  insert into subject_counters (subject, memberships, created) values ('${SUBJECT}', ${NAMESPACES + 1}, ${NAMESPACES + 1});
  insert into spaces (namespace_id, id, name, slug, tags, deleted_at)
  select n.id, uuidv7(), 'Space ' || i, 'space-' || i, '["robotics"]',
    case when n.slug <> 'live' then now() - interval '${RETENTION_DAYS + 1} days' end
  from namespaces n, generate_series(1, case n.slug when 'live' then 50 else ${SPACES / NAMESPACES} end) i;
  insert into space_counters (namespace_id, slot, active)
  select namespace_id, 0, count(*) filter (where deleted_at is null) from spaces group by 1;
  insert into folders (namespace_id, space_id, path) select namespace_id, id, '/day' from spaces;
  insert into episodes (namespace_id, space_id, id, name, description, tags, status, write_protected, folder_id, metadata)
  select s.namespace_id, s.id, uuidv7(), 'run', 'A recorded run', '["night"]', 'completed', false, f.id, '{"robot": "arm"}'
  from spaces s join folders f on f.namespace_id = s.namespace_id and f.space_id = s.id;
  insert into assets (namespace_id, space_id, id, episode_id, local_path, kind, uri, tags)
  select namespace_id, space_id, uuidv7(), id, '/camera/' || i || '.mp4', 'video', 's3://recordings/run', '[]'
  from episodes, generate_series(1, 2) i`;

interface Part {
  name: string;
  lists: LoadResult;
  updates: { p99Ms: number; statuses: Record<string, number> };
}

const directory = await mkdtemp(join(tmpdir(), 'spaces-retention-'));
const server = await startEmbeddedPostgres({ directory, database: 'bench' });
const sql = postgres(server.url, { max: 1, onnotice: () => undefined });
const generator = fork(fileURLToPath(new URL('load-generator.ts', import.meta.url)));
try {
  await migrate(server.url);
  await sql.unsafe(fill);
  await sql.unsafe(holdSlugs);
  await sql`vacuum analyze`;
  await sql`checkpoint`;
  const service = await startCandidate('service', ['dist/server.js'], {
    DATABASE_URL: server.url,
    JWT_SECRET: SECRET,
    NODE_ENV: 'production',
    MIGRATE_ON_START: 'false',
    // The erasure begins when this process says so.
    RETENTION_DAYS: '0',
    // Each list is read from the database.
    PAGE_CACHE_BYTES: '0',
  });
  const token = await signToken(SECRET, { subject: SUBJECT, expiresIn: '1 day' });

  const list = (): Promise<LoadResult> => {
    const port = Number(new URL(service.origin).port);
    const path = '/namespaces/live/spaces';
    const load: LoadPlan = {
      ...{ port, path, token },
      ...{ seconds: SECONDS, clients: CLIENTS, rate: LISTS_PER_SECOND },
    };
    return new Promise((resolve) => {
      generator.once('message', resolve);
      generator.send(load);
    });
  };
  const update = async (): Promise<Part['updates']> => {
    const times: number[] = [];
    const statuses: Record<string, number> = {};
    const sent: Promise<void>[] = [];
    for (let n = 0; n < SECONDS * UPDATES_PER_SECOND; n += 1) {
      const since = performance.now();
      const answered = fetch(`${service.origin}/namespaces/live/projects/space-${(n % 50) + 1}`, {
        method: 'PATCH',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ description: `Update ${n}` }),
      });
      sent.push(
        answered.then(async (response) => {
          await response.arrayBuffer();
          times.push(performance.now() - since);
          statuses[response.status] = (statuses[response.status] ?? 0) + 1;
        }),
      );
      await setTimeout(1000 / UPDATES_PER_SECOND);
    }
    await Promise.all(sent);
    return { p99Ms: percentile99(times), statuses };
  };
  const parts: Part[] = [];
  const measure = async (name: string) => {
    const [lists, updates] = await Promise.all([list(), update()]);
    parts.push({ name, lists, updates });
  };

  await measure('warming');
  for (let part = 1; part <= 3; part += 1) await measure(`before ${part}`);
  const begun = performance.now();
  let seconds = 0;
  const rows: Record<string, number> = {};
  const erasing = runRetention({
    database: { url: server.url, prepare: true },
    retentionDays: RETENTION_DAYS,
    slugHoldDays: RETENTION_DAYS,
    onErased: (erased) => {
      rows[erased.table] = (rows[erased.table] ?? 0) + erased.rows;
    },
  }).finally(() => {
    seconds = (performance.now() - begun) / 1000;
  });
  for (let part = 1; seconds === 0; part += 1) await measure(`during ${part}`);
  const outcome = await erasing;
  for (let part = 1; part <= 3; part += 1) await measure(`after ${part}`);
  await service.stop();

  console.log('| part | lists/s | p99 ms | 503 | other failures | updates | p99 ms |');
  console.log('|---|--:|--:|--:|--:|---|--:|');
  for (const { name, lists, updates } of parts.slice(1)) {
    const cells = [
      name,
      lists.good.toFixed(0),
      lists.p99Ms.toFixed(1),
      Math.round((lists.rejected + lists.unsent) * SECONDS),
      lists.failures,
      Object.entries(updates.statuses)
        .map(([status, count]) => `${status} × ${count}`)
        .join(', '),
      updates.p99Ms.toFixed(1),
    ];
    console.log(`| ${cells.join(' | ')} |`);
  }
  const erased = Object.entries(rows).map(([table, count]) => `${count} ${table}`);
  console.log(`${outcome} after ${Math.round(seconds)} s: ${erased.join(', ')}.`);
} finally {
  generator.kill();
  await sql.end();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
  await rm(server.directory, { recursive: true, force: true });
}
