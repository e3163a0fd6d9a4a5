import { readFile } from 'node:fs/promises';
import postgres from 'postgres';
import { databaseUrl } from './nodes.js';

/** Few, so that databases are soon cloned; two on each of two workers. */
const SHARDS = 4;

const quiet = { max: 1, onnotice: () => undefined };

/**
 * @param url of a database of the coordinator, with the extension and the workers
 * @returns the URLs of all nodes, the coordinator first
 */
export async function nodesOf(url: string): Promise<string[]> {
  const coordinator = postgres(url, quiet);
  try {
    const workers = await coordinator<{ host: string; port: number }[]>`
      select nodename as host, nodeport as port from pg_dist_node
      where groupid <> 0 and isactive order by nodeport`;
    const nodeUrl = ({ host, port }: { host: string; port: number }) =>
      Object.assign(new URL(url), { hostname: host, port: String(port) }).href;
    return [url, ...workers.map(nodeUrl)];
  } finally {
    await coordinator.end();
  }
}

/** Makes one cluster of the databases of a name. */
export async function joinNodes(nodes: readonly string[], name: string): Promise<void> {
  const databases = nodes.map((node) => new URL(databaseUrl(node, name)));
  for (const { href } of databases) {
    const database = postgres(href, quiet);
    await database`create extension citus`.finally(() => database.end());
  }
  const [coordinator, ...workers] = databases;
  if (!coordinator) throw new Error('There is no coordinator');
  const admin = postgres(coordinator.href, quiet);
  try {
    await admin`select citus_set_coordinator_host(${coordinator.hostname}, ${coordinator.port}::int)`;
    for (const { hostname, port } of workers) {
      await admin`select citus_add_node(${hostname}, ${port}::int)`;
    }
  } finally {
    await admin.end();
  }
}

/** Distributes the tables of a migrated database, of which no connection remains: it can be cloned. */
export async function distribute(nodes: readonly string[], name: string): Promise<void> {
  const [coordinator = ''] = nodes;
  const admin = postgres(databaseUrl(coordinator, name), quiet);
  try {
    await admin`select set_config('citus.shard_count', ${String(SHARDS)}, false)`;
    await admin.unsafe(await readFile('drizzle/citus.sql', 'utf8'));
  } finally {
    await admin.end();
  }
  for (const node of nodes) {
    const server = postgres(node, quiet);
    try {
      await server`alter database ${server(name)} with allow_connections false`;
      // Citus keeps some of its own.
      await server`select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = ${name}`;
    } finally {
      await server.end();
    }
  }
}
