import { sql } from 'drizzle-orm';
import { test } from 'tap';
import type { Database } from '../../src/db/client.js';
import { startService } from '../helpers/app.js';
import { createDatabase, openDatabase } from '../helpers/database.js';
import { operations } from '../helpers/operations.js';
import { members, seedNamespace } from '../helpers/seed.js';

/** The tables that grow with a namespace. */
const tenantTables = ['spaces', 'space_counters', 'former_space_slugs'];

/** The tables that grow with a space. */
const spaceTables = ['folders', 'folder_trees', 'episodes', 'assets', 'content_counters'];

interface Plan {
  statement: string;
  nodes: Record<string, unknown>[];
}

/** @returns every node of a plan */
function nodesOf(plan: unknown): Record<string, unknown>[] {
  if (typeof plan !== 'object' || plan === null) return [];
  const members = Object.entries(plan);
  return [Object.fromEntries(members), ...members.flatMap(([, member]) => nodesOf(member))];
}

function conditionsOf(node: Record<string, unknown>): string {
  return [node['Index Cond'], node['Recheck Cond'], node['Filter']].join(' ');
}

/** @returns the generic plans of the statements that the connection has prepared */
async function plans(db: Database): Promise<Plan[]> {
  const prepared = await db.execute<{ name: string; statement: string; parameters: number }>(sql`
    select name, statement, coalesce(cardinality(parameter_types), 0) as parameters
    from pg_prepared_statements where statement ~ 'access'`);
  const found: Plan[] = [];
  for (const { name, statement, parameters } of prepared) {
    const values = Array.from({ length: parameters }, () => 'null').join(', ');
    const explained = await db.execute(
      sql.raw(`explain (format json) execute "${name}"${values && `(${values})`}`),
    );
    found.push({ statement, nodes: nodesOf(explained[0]?.['QUERY PLAN']) });
  }
  return found;
}

/** Adds a small namespace, and two that are a thousand times as large. */
const addNeighbours = sql`
  with made as (
    insert into namespaces (id, slug) select gen_random_uuid(), 'neighbour-' || i
    from generate_series(1, 3) i returning id, slug)
  insert into spaces (namespace_id, id, name, slug, tags)
  select made.id, gen_random_uuid(), 'Space', 'space-' || i, '[]' from made,
    generate_series(1, case made.slug when 'neighbour-1' then 20 else 20000 end) i`;

/** Adds as many rows to a space of a large namespace, and a few to another space of it. */
const addContents = [
  sql`create temporary table neighbour as
    select namespace_id, id as space_id, slug = 'space-1' as is_large from spaces
    where slug in ('space-1', 'space-2') and namespace_id = (
      select id from namespaces where slug = 'neighbour-2')`,
  sql`insert into folders (namespace_id, space_id, path)
    select namespace_id, space_id, '/' || i from neighbour,
      generate_series(1, case when is_large then 20000 else 5 end) i`,
  sql`insert into episodes (namespace_id, space_id, id, name, tags, status, write_protected)
    select namespace_id, space_id, gen_random_uuid(), 'run ' || i, '[]', 'running', false from neighbour,
      generate_series(1, case when is_large then 20000 else 5 end) i`,
  sql`insert into assets (namespace_id, space_id, id, local_path, kind, uri, tags)
    select namespace_id, space_id, gen_random_uuid(), '/' || i, 'file', 'urn:a:b', '[]' from neighbour,
      generate_series(1, case when is_large then 20000 else 5 end) i`,
];

const statistics: Record<string, ReturnType<typeof sql>[]> = {
  'no statistics': [addNeighbours, ...addContents],
  'statistics of an empty table': [sql`analyze`, addNeighbours, ...addContents],
  'fresh statistics': [addNeighbours, ...addContents, sql`analyze`],
};

for (const [title, preparation] of Object.entries(statistics)) {
  test(`every statement of a namespace uses its id, and the order of an index, with ${title}`, async (t) => {
    // One connection without a pooler, because a session lists only its own prepared statements.
    const db = openDatabase(t, await createDatabase(t, { direct: true }), {
      poolMax: 1,
      prepare: true,
    });
    for (const table of ['spaces', ...spaceTables]) {
      await db.execute(sql.raw(`alter table ${table} set (autovacuum_enabled = false)`));
    }
    for (const step of preparation) await db.execute(step);
    const service = await startService(t, { db });
    const owner = await service.as(members.owner);
    for (const [index, { request }] of operations.entries()) {
      await seedNamespace(service, `acme-${index}`);
      await owner.send(request(`acme-${index}`));
    }
    await owner.get('/namespaces/acme-0/spaces?page=100');
    await owner.get('/namespaces/acme-0/spaces/none');
    await owner.post('/namespaces/acme-0/spaces/batch', { spaces: [{ name: 'Lab' }] });
    for (const path of ['/namespaces/acme-1/spaces', '/namespaces/acme-1/spaces/batch']) {
      const body = path.endsWith('batch') ? { spaces: [{ name: 'A' }] } : { name: 'B' };
      await owner.send({ method: 'POST', path, body, headers: { 'idempotency-key': 'key' } });
    }

    const found = await plans(db);
    t.ok(found.length >= 12, `${found.length} plans`);
    let scans = 0;
    for (const { statement, nodes } of found) {
      for (const node of nodes) {
        const relation = String(node['Relation Name']);
        const isInSpace = spaceTables.includes(relation);
        if (!isInSpace && !tenantTables.includes(relation)) continue;
        if (node['Node Type'] === 'ModifyTable') continue;
        scans += 1;
        // Counters fit on a page or two here, so that a scan of all of them is fine. A bitmap scan has its index
        // condition as the recheck condition.
        const byIndex = node['Index Cond'] ?? node['Recheck Cond'];
        const isCounter = /counters|former|trees/.test(relation);
        const condition = isCounter ? conditionsOf(node) : byIndex;
        const what = `${String(node['Node Type'])} of ${relation} in ${statement}`;
        t.match(condition, /namespace_id = (\$\d+|\(InitPlan \d+\).col1)/, what);
        if (isInSpace) t.match(condition, /space_id = (\$\d+|\(InitPlan \d+\).col1)/, what);
      }
      if (/string_agg/.test(statement) && !/insert into/.test(statement)) {
        t.notOk(
          nodes.some((node) => node['Node Type'] === 'Sort'),
          'a list is not sorted',
        );
      }
    }
    t.ok(scans >= 12, `${scans} scans`);
  });
}
