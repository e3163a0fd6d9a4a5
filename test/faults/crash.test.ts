/**
 * PostgreSQL and the service are killed with -9 repeatedly under writes. Afterwards each acknowledged write is stored
 * once, and none partly. `CRASH_KILLS` is the number of kills of each.
 */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { test } from 'tap';
import { migrate } from '../../src/db/migrate.js';
import {
  type EmbeddedPostgres,
  startEmbeddedPostgres,
} from '../../src/development/postgres/index.js';
import { signToken } from '../../src/development/token.js';
import { SECRET } from '../helpers/app.js';
import { type Running, startServer } from '../helpers/process.js';
import { crashClient } from './crash-client.js';
import { startWriters } from './crash-writers.js';
import { startNetwork } from './network.js';
import { killServer } from './processes.js';

const KILLS = Number(process.env['CRASH_KILLS'] ?? 3);

/** The number of acknowledged writes between two kills. */
const PROGRESS = 60;

test('every acknowledged write is stored exactly once after PostgreSQL and the service are killed', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'spaces-crash-'));
  await chmod(directory, 0o755);
  const network = await startNetwork(t);
  let server: EmbeddedPostgres;
  const startPostgres = async () => {
    // With fsync and all settings that make a commit durable.
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
    // PostgreSQL has ended, but this process still owns the folder.
    await server.stop();
  };
  await startService();

  const authorization = `Bearer ${await signToken(SECRET, { subject: 'alice', expiresIn: '1 hour' })}`;
  const client = crashClient(() => port, authorization);
  const { figures, acknowledges } = client;
  const traffic = await startWriters(client);

  await acknowledges(PROGRESS);
  for (let kill = 0; kill < KILLS; kill += 1) {
    await killPostgres();
    await startPostgres();
    await acknowledges(PROGRESS);
    await killService();
    await startService();
    await acknowledges(PROGRESS);
  }
  await traffic.stop();
  const { keys, unkeyed, updates, churned, recorded, unexpected, stale } = traffic;
  const lists = traffic.lists();

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
  t.same(unexpected, [], 'every response is a success, or asks to send again later');
  t.same(stale, [], 'no list lacks an update that was acknowledged before the request');
  t.ok(lists > 0, 'lists were read');
  t.same(lost, [], 'no acknowledged write is lost');
  t.same(doubled, [], 'no space is stored twice');
  t.same([churned.size, updates.size], [2, 2], 'every writer has written');
  t.ok(recorded.size > 0, 'assets were written');
  for (const [slug, count] of churned) {
    t.equal(rowsOf(slug).length, count, `"${slug}" is stored ${count} times, once for each key`);
  }
  for (const [slug, { attempts, acknowledged, last }] of updates) {
    const [row] = rowsOf(slug);
    const effects = (row?.version ?? 0) - 1;
    t.ok(
      acknowledged <= effects && effects <= attempts,
      `"${slug}": ${acknowledged} updates acknowledged, ${effects} stored, ${attempts} sent`,
    );
    t.ok(
      Number(row?.description) >= last,
      `"${slug}" has the last acknowledged update, or a later one`,
    );
  }
  t.same(
    sortedBy(stored),
    sortedBy(keys),
    'the saved keys are those of the acknowledged creations',
  );
  const registered = new Map(assetsOf.map(({ name, assets }) => [name, assets]));
  t.same(
    [...recorded].filter(([name, assets]) => registered.get(name) !== assets),
    [],
    'each episode has its assets, once',
  );
  t.same(
    Object.fromEntries(contents.map(({ kind, active }) => [kind, active])),
    { ...content },
    'the counters of contents are exact',
  );
  t.match(
    counted,
    { counter: counted?.['active'], namespaces: 1, members: 1 },
    'counters are exact',
  );
  t.comment(
    `${KILLS} kills of PostgreSQL, ${KILLS} of the service; ${figures.requests} requests, ${figures.unanswered} without an answer, ${figures.rejected} rejected for now, ${figures.acknowledged} acknowledged, ${figures.replayed} of them replayed; ${lists} lists; ${rows.length} spaces; ${lost.length} lost, ${doubled.length} doubled`,
  );
});

function sortedBy(keys: readonly { key: string; id: string }[]) {
  return keys.map(({ key, id }) => `${key} ${id}`).sort();
}
