import postgres from 'postgres';

/** @returns the URL of another database of the same server */
export function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

/** Runs statements on each node at the same time; PostgreSQL takes those of databases in no transaction. */
async function onEach(nodes: readonly string[], run: (admin: postgres.Sql) => Promise<unknown>) {
  await Promise.all(
    nodes.map(async (url) => {
      const admin = postgres(url, { max: 1, onnotice: () => undefined });
      await run(admin).finally(() => admin.end());
    }),
  );
}

/** Clones a database on a server, or on each node of a cluster. */
export async function createDatabaseOn(
  nodes: readonly string[],
  name: string,
  template: string,
): Promise<void> {
  await onEach(
    nodes,
    (admin) => admin`create database ${admin(name)} template ${admin(template)} strategy file_copy`,
  );
}

/** Removes a database and ends its connections. */
export async function dropDatabaseOn(nodes: readonly string[], name: string): Promise<void> {
  await onEach(nodes, (admin) => admin`drop database if exists ${admin(name)} with (force)`);
}
