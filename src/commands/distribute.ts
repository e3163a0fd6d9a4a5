/** `npm run db:distribute`: spreads a migrated database over the workers of a Citus cluster. */
import { loadConfig } from '../config/load.js';
import { distribute, DistributeError } from '../db/distribute.js';
import { distributedTables, resources } from '../resources.js';

const { database } = loadConfig(process.env);
try {
  if (database.url === null) throw new DistributeError('Set DATABASE_URL to the coordinator.');
  for (const line of await distribute(database.url, distributedTables(resources)))
    console.log(line);
} catch (error) {
  if (!(error instanceof DistributeError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
