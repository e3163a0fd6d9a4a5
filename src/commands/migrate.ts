import { loadConfig } from '../config/load.js';
import { migrate } from '../db/migrate.js';

const { url } = loadConfig(process.env).database;
if (url === null) {
  console.error('Set DATABASE_URL to the database to migrate.');
  process.exit(1);
}
await migrate(url);
console.log('The database has every migration.');
