import type postgres from 'postgres';
import type { Target } from '../../config/connection-string.js';

export interface PoolOptions {
  /** the most connections to the server at once */
  max: number;
  /** PostgreSQL ends a statement that runs longer, in milliseconds; 0 for no limit of any kind */
  statementTimeoutMs: number;
  /** of each connection */
  driver: postgres.Options<Record<string, never>>;
  /** what a session is to have; left out once a pooler has refused a connection because of it */
  settings: Record<string, string>;
  /** says where to connect; asked for each connection */
  findTarget: () => Promise<Target>;
}
