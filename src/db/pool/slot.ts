import type { Socket } from 'node:net';
import type postgres from 'postgres';
import type { Target } from '../../config/connection-string.js';

/** How much of a pool is in use. */
export interface Usage {
  /** connections that are open or being opened */
  connections: number;
  /** statements that wait for a response or a connection */
  statements: number;
}

export interface Statement {
  since: number;
  /** the process id and the cancel secret of the backend, once they are known */
  backend: () => Backend | null;
  giveUp: (reason: Error) => void;
}

export interface Backend {
  pid: number;
  secret: number;
}

/** One connection, of a driver client that opens no other. */
export interface Slot {
  sql: postgres.Sql;
  socket: Socket | null;
  target: Target | null;
  /** whether the connection requests the settings of the pool */
  sendsSettings: boolean;
  /** statements in progress, oldest first */
  statements: Set<Statement>;
  /** whether a transaction uses it */
  isReserved: boolean;
  /** whether it was abandoned, and waits for its backend to end */
  isStuck: boolean;
  expiresAt: number;
  /** when the last bytes of the server were noticed, and the total received */
  heardAt: number;
  bytesRead: number;
}

/** @returns the load of a slot; a transaction keeps its connection long, so other statements avoid it */
export function load({ statements, isReserved }: Slot): number {
  return statements.size + (isReserved ? 1000 : 0);
}
