import type postgres from 'postgres';
import type { Target } from '../../config/connection-string.js';

export interface PoolOptions {
  /** maximum number of connections */
  max: number;
  /** statement timeout in milliseconds; 0 for none */
  statementTimeoutMs: number;
  /** returns the options of the driver; called for each connection */
  driver: () => postgres.Options<Record<string, never>>;
  /** settings of each session; omitted once a pooler has rejected a connection because of one */
  settings: Record<string, string>;
  /** returns the server to connect to; called for each connection */
  findTarget: () => Promise<Target>;
}
