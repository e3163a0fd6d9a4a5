import { loadConfig } from '../config/load.js';
import { DatabaseNotReadyError } from '../db/errors.js';
import { migrate } from '../db/migrate.js';

// Production requires a key for tokens, which migrations do not need.
const { url } = loadConfig({ ...process.env, NODE_ENV: 'development' }).database;
if (url === null) {
  console.error('Set DATABASE_URL to the database to migrate.');
  process.exit(1);
}
try {
  await migrate(url);
  console.log('The database has every migration.');
} catch (error) {
  if (!(error instanceof DatabaseNotReadyError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
