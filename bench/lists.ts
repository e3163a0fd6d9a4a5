/**
 * Lists with filters, sorts and cursors: `npm run bench:lists`. The time of the first and the next page of each in
 * namespaces of 100 k and 1 M spaces, the indexes in their plans, and a traversal of the latter by cursor during
 * creates, deletes and restores.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Static, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { migrate } from '../src/db/migrate.js';
import { startEmbeddedPostgres } from '../src/development/postgres/index.js';
import { signToken } from '../src/development/token.js';
import { fill, sizes, SUBJECT } from './data.js';
import { median } from './median.js';
import { startCandidate } from './processes.js';

const scale = process.argv.includes('--quick') ? 0.1 : 1;
const ROUNDS = 5;
const PAGE_SIZE = 200;
const SECRET = 'a secret that is only used by the benchmark';

/** The kinds of lists, with examples. */
const queries = [
  '',
  'sort=-updatedAt',
  'sort=name',
  'state=all&sort=slug',
  'state=deleted',
  'slug=space-500',
  'q=77777',
  'q=rover',
  'q=7',
  'tag=tag-77',
  'tag=robotics',
  'metadata={"team":"team-7"}',
  'metadata={"site":{"hall":3}}',
  'q=rover&tag=tag-77&sort=-name',
  'createdAfter=2020-01-01T00:00:00Z&sort=name',
  'updatedAfter=2020-01-01T00:00:00Z',
];

const Answer = Type.Object({
  spaces: Type.Array(Type.Object({ slug: Type.String() })),
  total: Type.Integer(),
  nextCursor: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});
type Answer = Static<typeof Answer>;

const directory = await mkdtemp(join(tmpdir(), 'spaces-lists-'));
const server = await startEmbeddedPostgres({
  directory,
  database: 'bench',
  settings: {
    shared_buffers: '1GB',
    session_preload_libraries: 'auto_explain',
    'auto_explain.log_min_duration': '0',
    logging_collector: 'on',
    log_filename: 'plans.log',
  },
});

let read = 0;

/** @returns the indexes in the plans since the last call */
async function indexesOfPlans(): Promise<string> {
  const log = await readFile(join(server.directory, 'data', 'log', 'plans.log'), 'utf8');
  const plans = log.slice(read);
  read = log.length;
  const names = Array.from(
    plans.matchAll(/Scan (?:Backward )?(?:using|on) spaces_(\w+)_index/g),
    ([, name]) => name,
  );
  return Array.from(new Set(names)).join(', ');
}

try {
  await migrate(server.url);
  await fill(server.url, scale);
  const service = await startCandidate('service', ['dist/server.js'], {
    DATABASE_URL: server.url,
    JWT_SECRET: SECRET,
    NODE_ENV: 'production',
    MIGRATE_ON_START: 'false',
    // Long, so that slow statements are measured, too.
    DATABASE_STATEMENT_TIMEOUT_MS: '20000',
  });
  const token = await signToken(SECRET, { subject: SUBJECT, expiresIn: '1 day' });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };

  async function getPage(namespace: string, parameters: URLSearchParams): Promise<Answer> {
    const url = `${service.origin}/namespaces/${namespace}/spaces?${parameters.toString()}`;
    const response = await fetch(url, { headers });
    if (!response.ok) throw new Error(`${url}: ${response.status}`);
    return Value.Parse(Answer, await response.json());
  }

  async function milliseconds(work: () => Promise<unknown>): Promise<number> {
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const start = performance.now();
      await work();
      times.push(performance.now() - start);
    }
    return median(times);
  }

  console.log(
    '| list | 100 k: matches | first ms | next ms | indexes | 1 M: matches | first ms | next ms | indexes |',
  );
  console.log('|---|--:|--:|--:|---|--:|--:|--:|---|');
  for (const query of queries) {
    const cells = [`\`${query}\``];
    for (const namespace of ['100k', '1m']) {
      const parameters = new URLSearchParams(query);
      const begin = new URLSearchParams(query);
      begin.set('cursor', '');
      await indexesOfPlans();
      const { total, nextCursor } = await getPage(namespace, begin);
      const first = await milliseconds(() => getPage(namespace, parameters));
      cells.push(total.toLocaleString('en'), first.toFixed(1));
      begin.set('cursor', nextCursor ?? '');
      const next = nextCursor ? await milliseconds(() => getPage(namespace, begin)) : null;
      cells.push(next?.toFixed(1) ?? '', await indexesOfPlans());
    }
    console.log(`| ${cells.join(' | ')} |`);
  }

  let writing = true;
  /** Creates, deletes and restores one space after another, while `writing`. */
  async function writeSpaces(): Promise<number> {
    let writes = 0;
    const send = async (path: string, method: string, body?: string) => {
      const url = `${service.origin}/namespaces/1m/${path}`;
      const init = { method, headers, ...(body !== undefined && { body }) };
      if ((await fetch(url, init)).ok) writes += 1;
    };
    while (writing) {
      const slug = `written-${writes}`;
      await send('spaces', 'POST', JSON.stringify({ name: slug, slug }));
      await send(`projects/${slug}`, 'DELETE', '{}');
      if (writes % 3 === 0) await send(`projects/${slug}/restore`, 'POST', '{}');
    }
    return writes;
  }

  for (const sort of ['createdAt', '-name']) {
    const seen = new Map<string, number>();
    const writer = writeSpaces();
    let pages = 0;
    let longest = 0;
    const start = performance.now();
    for (let cursor: string | null = ''; cursor !== null; pages += 1) {
      const begun = performance.now();
      const parameters = new URLSearchParams({ sort, cursor, pageSize: String(PAGE_SIZE) });
      const page: Answer = await getPage('1m', parameters);
      longest = Math.max(longest, performance.now() - begun);
      for (const { slug } of page.spaces) {
        if (slug.startsWith('space-')) seen.set(slug, (seen.get(slug) ?? 0) + 1);
      }
      cursor = page.nextCursor ?? null;
    }
    const seconds = (performance.now() - start) / 1000;
    writing = false;
    const writes = await writer;
    writing = true;
    const existing = Math.round(sizes['1m'] * scale);
    const repeated = Array.from(seen.values()).filter((times) => times > 1).length;
    console.log(
      `Traversal by ${sort}: ${pages} pages in ${seconds.toFixed(1)} s, the longest ${longest.toFixed(0)} ms,` +
        ` with ${writes} concurrent writes; of ${existing} unchanged spaces ${existing - seen.size} missed, ${repeated} seen twice.`,
    );
  }
  await service.stop();
} finally {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
  await rm(server.directory, { recursive: true, force: true });
}
