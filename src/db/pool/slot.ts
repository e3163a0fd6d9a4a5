import type { Socket } from 'node:net';
import type postgres from 'postgres';
import type { Target } from '../../config/connection-string.js';

/** How much of a pool is in use. */
export interface Usage {
  /** connections that are open or being made */
  connections: number;
  /** statements that wait for an answer, or for a connection */
  statements: number;
}

export interface Statement {
  since: number;
  /** the process id and the secret of the backend, once they are known */
  backend: () => Backend | null;
  giveUp: (reason: Error) => void;
}

export interface Backend {
  pid: number;
  secret: number;
}

/** One connection, by a client of the driver that makes no other. */
export interface Slot {
  sql: postgres.Sql;
  socket: Socket | null;
  target: Target | null;
  /** whether it asks for the settings of the pool */
  sendsSettings: boolean;
  /** those that are not answered, oldest first */
  statements: Set<Statement>;
  /** whether a transaction has it */
  isReserved: boolean;
  /** whether it was abandoned, and waits for its backend to end */
  isStuck: boolean;
  expiresAt: number;
  /** when it has last heard from the server, and how much in all */
  heardAt: number;
  bytesRead: number;
}

/** A transaction keeps its connection for long: other statements use another one. */
export function load({ statements, isReserved }: Slot): number {
  return statements.size + (isReserved ? 1000 : 0);
}
