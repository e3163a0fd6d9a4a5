/**
 * Neighbours: `npm run bench:neighbours`, about three minutes. The lists and the updates of one tenant, alone and during
 * each of the attacks that another caller can make with its own token, or without one. Each attack is sent at a fixed
 * rate, and the table has the statuses of its responses. The tenant alone is measured again before each attack, because
 * the speed of the machine varies.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { migrate } from '../src/db/migrate.js';
import { startEmbeddedPostgres } from '../src/development/postgres/index.js';
import { signToken } from '../src/development/token.js';
import { holdSlugs } from './data.js';
import { type Load, type Result, run } from './load.js';
import { median } from './median.js';
import { startCandidate } from './processes.js';

const SECRET = 'a secret that is only used by the benchmark';
const ROWS = 200_000;
const ROUNDS = 3;
const SECONDS = 3;
const POOL_MAX = 10;
const MIN_RATIO = 0.8;

interface Attack {
  /** requests per second */
  rate: number;
  path: string;
  /** null for requests without a token */
  subject: 'attacker' | 'stranger' | null;
  body?: string;
}

const nested = JSON.stringify({ a: Array.from({ length: 20 }, () => [[[1]]]) });
const attacks: Record<string, Attack> = {
  'filter of nested arrays': {
    rate: 20,
    subject: 'attacker',
    path: `/namespaces/large/spaces?metadata=${encodeURIComponent(nested)}`,
  },
  'short text in 200,000 spaces': {
    rate: 20,
    subject: 'attacker',
    path: '/namespaces/large/spaces?q=zq',
  },
  'page in the middle of 200,000 spaces': {
    rate: 20,
    subject: 'attacker',
    path: '/namespaces/large/spaces?page=500&pageSize=200',
  },
  'page in the middle, by name': {
    rate: 20,
    subject: 'attacker',
    path: '/namespaces/large/spaces?sort=name&page=500&pageSize=200',
  },
  'the deepest page by name': {
    rate: 20,
    subject: 'attacker',
    path: '/namespaces/large/spaces?sort=name&page=51&pageSize=200',
  },
  '5 spaces by name among 200,000 deleted': {
    rate: 20,
    subject: 'attacker',
    path: '/namespaces/ruins/spaces?sort=name',
  },
  '200,000 deleted spaces': {
    rate: 20,
    subject: 'attacker',
    path: '/namespaces/ruins/spaces?state=deleted&sort=-name',
  },
  'members, 200,000': { rate: 20, subject: 'attacker', path: '/namespaces/large/members?page=50' },
  'own namespaces, 200,000': { rate: 20, subject: 'attacker', path: '/namespaces?page=50' },
  'restore of a slug of 200,000 spaces': {
    rate: 20,
    subject: 'attacker',
    path: '/namespaces/ruins/spaces/gone/restore',
    body: '{"slug":"taken"}',
  },
  'restore of a slug of 200,000 namespaces': {
    rate: 20,
    subject: 'stranger',
    path: '/namespaces/gone/restore',
    body: '',
  },
  'the same by an owner of 200,000 namespaces': {
    rate: 20,
    subject: 'attacker',
    path: '/namespaces/gone/restore',
    body: '',
  },
  'body of 30,000 invalid tags': {
    rate: 20,
    subject: 'stranger',
    path: '/namespaces/victim/spaces',
    body: JSON.stringify({ name: 'x', tags: Array.from({ length: 30_000 }, () => 1) }),
  },
  'GET /readyz': { rate: 500, subject: null, path: '/readyz' },
  'targets of 15 KB': { rate: 100, subject: null, path: `/${'a'.repeat(15_000)}` },
};

/** Inserts the rows that the attacks read. */
const fill = `
  insert into namespaces (id, slug)
  select gen_random_uuid(), slug from unnest(array['victim', 'large', 'ruins']) slug;
  insert into members (namespace_id, subject, role)
  select id, case slug when 'victim' then 'victim' else 'attacker' end, 'owner' from namespaces;
  insert into members (namespace_id, subject, role)
  select id, 'member-' || i, 'viewer' from namespaces, generate_series(2, ${ROWS}) i where slug = 'large';
  update namespaces set members = ${ROWS} where slug = 'large';
  insert into spaces (namespace_id, id, name, slug, tags, metadata, deleted_at)
  select id, uuidv7(), 'Space ' || i,
    case when slug = 'ruins' and i > 5 then 'gone' else 'space-' || i end, '[]',
    '{"a": [[[1]], [[2]]]}', case when slug = 'ruins' and i > 5 then now() end
  from namespaces, generate_series(1, case slug when 'victim' then 50 else ${ROWS} end) i;
  update spaces set slug = 'taken' where slug = 'space-5' and namespace_id = (select id from namespaces where slug = 'ruins');
  insert into space_counters (namespace_id, slot, active)
  select namespace_id, 0, count(*) from spaces where deleted_at is null group by 1;
  insert into namespaces (id, slug, deleted_at)
  select uuidv7(), 'gone', now() from generate_series(1, ${ROWS}) i;
  insert into namespaces (id, slug) select uuidv7(), 'own-' || i from generate_series(1, ${ROWS}) i;
  insert into members (namespace_id, subject, role)
  select id, 'attacker', 'owner' from namespaces where slug like 'own-%';
  insert into subject_counters (subject, memberships, created)
  values ('attacker', ${ROWS} + 2, ${ROWS} + 2), ('victim', 1, 1)`;

interface Row {
  /** the rates as a part of those without the attack */
  lists: number;
  updates: number;
  p99Ms: number;
  failures: number;
}

const directory = await mkdtemp(join(tmpdir(), 'spaces-neighbours-'));
const server = await startEmbeddedPostgres({ directory, database: 'bench' });
const sql = postgres(server.url, { max: 1, onnotice: () => undefined });
try {
  await migrate(server.url);
  await sql.unsafe(fill);
  await sql.unsafe(holdSlugs);
  await sql`vacuum analyze`;
  const service = await startCandidate('service', ['dist/server.js'], {
    DATABASE_URL: server.url,
    DATABASE_POOL_MAX: String(POOL_MAX),
    JWT_SECRET: SECRET,
    NODE_ENV: 'production',
    MIGRATE_ON_START: 'false',
  });
  const tokenOf = (subject: string) => signToken(SECRET, { subject, expiresIn: '1 day' });
  const token = await tokenOf('victim');
  const lists: Load = {
    url: `${service.origin}/namespaces/victim/spaces`,
    token,
    seconds: SECONDS,
    connections: 8,
  };
  const updates: Load = {
    ...lists,
    url: service.origin,
    connections: 2,
    write: { kind: 'update', namespace: 'victim' },
  };
  const measure = () => Promise.all([run(lists), run(updates)]);

  /** Sends an attack until stopped. @returns the number of responses by status */
  async function attackUntil(stopped: Promise<unknown>, attack: Attack) {
    const { rate, path, subject, body } = attack;
    const headers: Record<string, string> = {
      ...(subject !== null && { authorization: `Bearer ${await tokenOf(subject)}` }),
      ...(body && { 'content-type': 'application/json' }),
    };
    const statuses: Record<string, number> = {};
    const sent: Promise<void>[] = [];
    let backends = 0;
    const timer = setInterval(() => {
      const answer = fetch(service.origin + path, {
        headers,
        ...(body !== undefined && { method: 'POST', ...(body && { body }) }),
      });
      const counted = answer.then(
        async (response) => {
          statuses[response.status] = (statuses[response.status] ?? 0) + 1;
          await response.arrayBuffer();
        },
        () => {
          statuses['none'] = (statuses['none'] ?? 0) + 1;
        },
      );
      sent.push(counted);
    }, 1000 / rate);
    const watch = setInterval(() => {
      void sql`
        select count(*)::int as count from pg_stat_activity
        where backend_type = 'client backend' and pid <> pg_backend_pid()`.then(([row]) => {
        backends = Math.max(backends, Number(row?.['count']));
      });
    }, 100);
    await stopped;
    clearInterval(timer);
    clearInterval(watch);
    await Promise.all(sent);
    return { statuses, backends };
  }

  await measure();
  console.log(
    '| attack | per second | responses | lists / alone | updates / alone | p99 of lists, ms (alone) | failures | backends |',
  );
  console.log('|---|--:|---|--:|--:|--:|--:|--:|');
  const failed: string[] = [];
  for (const [name, attack] of Object.entries(attacks)) {
    const rows: Row[] = [];
    const before: Result[] = [];
    const answered: Record<string, number> = {};
    let most = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const [aloneLists, aloneUpdates] = await measure();
      const measured = measure();
      const { statuses, backends } = await attackUntil(measured, attack);
      const [attackedLists, attackedUpdates] = await measured;
      for (const [status, count] of Object.entries(statuses)) {
        answered[status] = (answered[status] ?? 0) + count;
      }
      most = Math.max(most, backends);
      before.push(aloneLists);
      rows.push({
        lists: attackedLists.requestsPerSecond / aloneLists.requestsPerSecond,
        updates: attackedUpdates.requestsPerSecond / aloneUpdates.requestsPerSecond,
        p99Ms: attackedLists.p99Ms,
        failures: attackedLists.failures + attackedUpdates.failures,
      });
    }
    const of = (figure: keyof Row) => median(rows.map((row) => row[figure]));
    const failures = rows.reduce((sum, row) => sum + row.failures, 0);
    const cells = [
      name,
      attack.rate,
      Object.entries(answered)
        .map(([status, count]) => `${status} × ${count}`)
        .join(', '),
      of('lists').toFixed(2),
      of('updates').toFixed(2),
      `${of('p99Ms').toFixed(1)} (${median(before.map(({ p99Ms }) => p99Ms)).toFixed(1)})`,
      failures,
      most,
    ];
    console.log(`| ${cells.join(' | ')} |`);
    if (of('lists') < MIN_RATIO || of('updates') < MIN_RATIO || failures > 0) {
      failed.push(name);
    }
    if (most > POOL_MAX) failed.push(`${name}: ${most} backends`);
  }
  console.log(
    failed.length === 0
      ? `All at ${MIN_RATIO} of the rate alone or more, without failures, within the pool.`
      : `Below the limit: ${failed.join(', ')}.`,
  );
  await service.stop();
} finally {
  await sql.end();
  await server.stop();
  await rm(directory, { recursive: true, force: true });
  await rm(server.directory, { recursive: true, force: true });
}
