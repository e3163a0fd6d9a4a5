import { getTableName, type SQL, sql } from 'drizzle-orm';
import type { PgTable } from 'drizzle-orm/pg-core';
import { connect, type Database } from './client.js';
import { isMigrated } from './migrate.js';

/** The tables of a distributed database. */
export interface DistributedTables {
  /** on every worker, because every statement reads them beside the tables of its namespace */
  reference: readonly PgTable[];
  /** split by namespace; the rows that a namespace has in all of them are on one worker */
  byNamespace: readonly PgTable[];
}

const DISTRIBUTION_COLUMN = 'namespace_id';

/** The database cannot be distributed; the message gives the reason and the remedy. */
export class DistributeError extends Error {
  override readonly name = 'DistributeError';
}

/**
 * Turns a migrated database into a distributed one (Citus). Safe to run again: tables that are distributed
 * already stay unchanged.
 *
 * @param url of the coordinator
 * @param tables those of each kind; the second are distributed together, by `namespace_id`
 * @returns a line with the result for each table
 * @throws `DistributeError` where the extension or a migration is missing
 */
export async function distribute(
  url: string,
  { reference, byNamespace }: DistributedTables,
): Promise<string[]> {
  // Rows that are there are moved, which may take its time.
  const db = connect({
    url,
    poolMax: 1,
    statementTimeoutMs: 0,
    prepare: false,
    isAdministrative: true,
  });
  try {
    await demand(db);
    return [
      ...(await each(db, reference, (table) => sql`create_reference_table(${table})`)),
      ...(await each(
        db,
        byNamespace,
        (table, first) => sql`create_distributed_table(${table}, ${DISTRIBUTION_COLUMN},
          colocate_with => ${table === first ? 'none' : first})`,
      )),
    ];
  } finally {
    await db.$client.end();
  }
}

async function demand(db: Database): Promise<void> {
  const extensions = await db.execute(sql`select 1 from pg_extension where extname = 'citus'`);
  if (extensions.length === 0) {
    throw new DistributeError(
      'The database has no Citus. Install it on every node (https://docs.citusdata.com), run CREATE EXTENSION citus in this database, add the workers with citus_add_node, and try again.',
    );
  }
  if (!(await isMigrated(db))) {
    throw new DistributeError('The database lacks the newest migrations. Run npm run db:migrate.');
  }
}

/** @param call the function of Citus, given the table and the first of those it is one of */
async function each(
  db: Database,
  tables: readonly PgTable[],
  call: (table: string, first: string) => SQL,
): Promise<string[]> {
  const lines: string[] = [];
  const names = tables.map(getTableName);
  for (const name of names) {
    const before = await db.execute(
      sql`select 1 from pg_dist_partition where logicalrelid = ${name}::regclass`,
    );
    if (before.length === 0) await db.execute(sql`select ${call(name, names[0] ?? name)}`);
    lines.push(`${name}: ${before.length === 0 ? 'done' : 'was done before'}`);
  }
  return lines;
}
