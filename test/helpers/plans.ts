import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import type { Test } from 'tap';
import { planning } from '../../src/db/settings.js';
import { startService } from './app.js';
import { createDatabase } from './database.js';

/** @returns the application on one connection that reports the plan of each statement */
export async function explained(t: Test) {
  const url = await createDatabase(t, { direct: true });
  const plans: string[] = [];
  const client = postgres(url, {
    max: 1,
    fetch_types: false,
    onnotice: ({ message }) => plans.push(String(message)),
    connection: planning,
  });
  t.teardown(() => client.end());
  await client.unsafe(`
    load 'auto_explain';
    set auto_explain.log_min_duration = 0;
    set auto_explain.log_level = notice`);
  const usage = () => ({ connections: 1, statements: 0 });
  const { as } = await startService(t, { db: Object.assign(drizzle(client), { usage }) });
  return { client, plans, owner: await as('owner') };
}
