/** Runs on Citus alone (`npm run test:citus`). */
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { type Test, test } from 'tap';
import type { Database } from '../../src/db/client.js';
import { type Service, startService } from '../helpers/app.js';
import { createDatabase } from '../helpers/database.js';
import { operations } from '../helpers/operations.js';
import { members, seedNamespace } from '../helpers/seed.js';

/** A service on a database whose coordinator counts. */
async function startObserved(t: Test): Promise<Service> {
  const databaseUrl = await createDatabase(t);
  const admin = postgres(databaseUrl, { max: 1, onnotice: () => undefined });
  const name = new URL(databaseUrl).pathname.slice(1);
  await admin`alter database ${admin(name)} set citus.enable_stat_counters to on`;
  await admin.end();
  return startService(t, { databaseUrl });
}

/** @returns how many executions of one shard, and of several, the coordinator has begun */
async function executions(db: Database): Promise<[one: number, several: number]> {
  const [counted] = await db.execute<{ one: number; several: number }>(sql`
    select query_execution_single_shard::int as one, query_execution_multi_shard::int as several
    from citus_stat_counters where name = current_database()`);
  return [counted?.one ?? 0, counted?.several ?? 0];
}

/** Statements that are sent to a shard as they are. A merge patch is two, one that reads and one that writes. */
const oneTask: Record<string, number> = {
  getNamespace: 1,
  updateNamespace: 1,
  'updateNamespace, merge patch': 2,
  listMembers: 1,
  listSpaces: 1,
  getSpace: 1,
  getSpaceErasure: 1,
  listFolders: 1,
  getFolder: 1,
  deleteFolder: 1,
  listEpisodes: 1,
  getEpisode: 1,
  listAssets: 1,
  getAsset: 1,
};

/** The operations that ask all workers. */
const acrossNamespaces = new Set(['listNamespaces', 'restoreNamespace', 'getNamespaceErasure']);

/** The operations that do not work on Citus (docs/scaling.md). */
const isLacking = (title: string) => title.endsWith('permanent');

test('an operation in a namespace is for one shard, and one task where it writes nothing but the namespace', async (t) => {
  const service = await startObserved(t);
  const supported = operations.filter(({ title }) => !isLacking(title));
  for (const [index, { title, status, request }] of supported.entries()) {
    const slug = `acme-${index}`;
    await seedNamespace(service, slug);
    const owner = await service.as(members.owner);
    await owner.get(`/namespaces/${slug}/projects/lab/folders`);
    const before = await executions(service.db);
    const answer = await owner.send(request(slug));
    const after = await executions(service.db);
    t.equal(answer.status, status, title);
    const [one, several] = [after[0] - before[0], after[1] - before[1]];
    t.equal(several > 0, acrossNamespaces.has(title), `${title}: for several shards`);
    const expected = oneTask[title.replace(/, (spaces|projects)/, '')];
    if (expected === undefined) t.ok(one > 1, `${title}: in several tasks`);
    else t.equal(one, expected, `${title}: in one task`);
  }
});
