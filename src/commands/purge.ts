/** `npm run db:purge`: erases once what was deleted longer ago than `RETENTION_DAYS`. */
import { loadConfig } from '../config/load.js';
import { type RetentionOutcome, runRetention } from '../retention.js';

const { database, retentionDays, slugHoldDays } = loadConfig({
  ...process.env,
  // Production asks for a key for tokens, which the command has no use for.
  NODE_ENV: 'development',
});
if (database.url === null) {
  console.error('Set DATABASE_URL to the database to purge.');
  process.exit(1);
}
const rows: Record<string, number> = {};
const outcome = await runRetention({
  database: { ...database, url: database.url },
  retentionDays,
  slugHoldDays,
  onErased: ({ table, rows: count }) => {
    rows[table] = (rows[table] ?? 0) + count;
  },
});
for (const [table, count] of Object.entries(rows)) console.log(`${table}: ${count}`);
const messages: Record<RetentionOutcome, string> = {
  completed: 'All that was due is erased.',
  interrupted: 'Another process is at it.',
  pooled: 'A pooler cannot hold the lock: set DATABASE_URL to PostgreSQL itself.',
};
console.log(messages[outcome]);
if (outcome === 'pooled') process.exitCode = 1;
