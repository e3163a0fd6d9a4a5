import postgres from 'postgres';
import { waitUntil } from './wait.js';

/** @returns the URL of another database of the same server */
export function databaseUrl(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function runOn(url: string, run: (admin: postgres.Sql) => Promise<unknown>): Promise<void> {
  const admin = postgres(url, { max: 1, onnotice: () => undefined });
  await run(admin).finally(() => admin.end());
}

/** Clones a database on a server, or on each node of a cluster. */
export async function createDatabaseOn(
  nodes: readonly string[],
  name: string,
  template: string,
): Promise<void> {
  const create = (admin: postgres.Sql) =>
    admin`create database ${admin(name)} template ${admin(template)} strategy file_copy`;
  await Promise.all(nodes.map((url) => runOn(url, create)));
}

const OBJECT_IN_USE = '55006';

/** Removes a database and ends its connections, first on the coordinator, which makes some to the workers. */
export async function dropDatabaseOn(nodes: readonly string[], name: string): Promise<void> {
  for (const url of nodes) {
    await runOn(url, (admin) =>
      waitUntil(`${name} to be dropped`, () =>
        admin`drop database if exists ${admin(name)} with (force)`.then(
          () => true,
          // Citus has connected again meanwhile.
          (error: unknown) => {
            if (error instanceof postgres.PostgresError && error.code === OBJECT_IN_USE)
              return false;
            throw error;
          },
        ),
      ),
    );
  }
}
