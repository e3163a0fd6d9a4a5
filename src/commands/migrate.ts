import { loadConfig } from '../config/load.js';
import { migrate } from '../db/migrate.js';
import { CommandError, runCommand } from './run.js';

await runCommand(async () => {
  // Production requires a key for tokens, which migrations do not need.
  const { url } = loadConfig({ ...process.env, NODE_ENV: 'development' }).database;
  if (url === null) throw new CommandError('Set DATABASE_URL to the database to migrate.');
  await migrate(url);
  console.log('The database has every migration.');
});
