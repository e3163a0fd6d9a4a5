/** `npm run db:purge`: erases once what was deleted longer ago than `RETENTION_DAYS`. */
import { loadConfig } from '../config/load.js';
import { runRetention } from '../retention.js';

const { database, retentionDays, slugHoldDays } = loadConfig({
  ...process.env,
  // Production asks for a key for tokens, which the command has no use for.
  NODE_ENV: 'development',
});
if (database.url === null) {
  console.error('Set DATABASE_URL to the database to purge.');
  process.exit(1);
}
if (!database.prepare) {
  console.error(
    'A pooler cannot hold the lock: set DATABASE_URL to PostgreSQL itself, without DATABASE_PREPARE.',
  );
  process.exit(1);
}
const rows: Record<string, number> = {};
const isDone = await runRetention({
  database: { ...database, url: database.url },
  retentionDays,
  slugHoldDays,
  onErased: ({ table, rows: count }) => {
    rows[table] = (rows[table] ?? 0) + count;
  },
});
for (const [table, count] of Object.entries(rows)) console.log(`${table}: ${count}`);
console.log(isDone ? 'All that was due is erased.' : 'Another process is at it.');
