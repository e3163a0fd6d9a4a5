/**
 * `npm run db:purge`: runs the retention once, which erases everything that was deleted more than
 * `RETENTION_DAYS` ago.
 */
import { loadConfig } from '../config/load.js';
import { type RetentionOutcome, runRetention } from '../retention.js';
import { CommandError, runCommand } from './run.js';

/** The report of the command and its exit code: 3 if it erased nothing, or not everything. */
const reports: Record<RetentionOutcome, { message: string; code: number }> = {
  completed: { message: 'Everything past its retention is erased.', code: 0 },
  interrupted: { message: 'Another process is running the retention.', code: 3 },
  pooled: {
    message:
      'The lock does not work through a pooler. Set DATABASE_URL to a direct connection to PostgreSQL.',
    code: 1,
  },
};

await runCommand(async () => {
  const { database, retentionDays, slugHoldDays } = loadConfig({
    ...process.env,
    // Production requires a key for tokens, which the command does not need.
    NODE_ENV: 'development',
  });
  if (database.url === null) {
    throw new CommandError('Set DATABASE_URL to the database to purge.');
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
  const { message, code } = reports[outcome];
  console.log(message);
  process.exitCode = code;
});
