import { execFile } from 'node:child_process';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BARE } from './data.js';
import { isInstalled, type Result, UPDATED } from './load.js';

/** A bare write: no authorization, no counter, no notification. */
const bareStatements = {
  insert: `
insert into spaces (namespace_id, id, name, slug, tags)
values ((select id from namespaces where slug = '${BARE}' and deleted_at is null), uuidv7(),
  'Space', 'bare-' || replace(uuidv7()::text, '-', ''), '["robotics"]');`,
  update: `
\\set i random(1, ${UPDATED})
update spaces set description = 'Bare ' || :i, version = version + 1, updated_at = now()
where namespace_id = (select id from namespaces where slug = '1k' and deleted_at is null)
  and slug = 'space-' || :i and deleted_at is null;`,
};

export type BareStatement = keyof typeof bareStatements;

export const pgbenchInstalled = isInstalled('pgbench');

/** Runs one of the bare statements as fast as possible; pgbench reports no percentiles. */
export async function runPgbench(
  url: string,
  statement: BareStatement,
  seconds: number,
  connections: number,
): Promise<Result> {
  const file = join(await mkdtemp(join(tmpdir(), 'spaces-bench-')), `${statement}.sql`);
  await writeFile(file, bareStatements[statement]);
  const load = ['-n', '-M', 'prepared', '-c', `${connections}`, '-T', `${seconds}`, '-f', file];
  const { stdout } = await promisify(execFile)('pgbench', [...load, url]);
  const find = (expression: RegExp) => Number(expression.exec(stdout)?.[1] ?? 0);
  const average = find(/latency average = ([\d.]+)/);
  return {
    requests: find(/actually processed: (\d+)/),
    requestsPerSecond: find(/tps = ([\d.]+)/),
    p50Ms: average,
    p99Ms: NaN,
    failures: find(/failed transactions: (\d+)/),
  };
}
