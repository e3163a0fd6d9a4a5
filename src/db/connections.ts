import { connect, type Socket } from 'node:net';

/** Beside the time that PostgreSQL itself gives a statement: the way there and back. */
const MARGIN_MS = 250;

const SWEEP_MS = 100;

interface Statement {
  since: number;
  giveUp: (reason: Error) => void;
}

/** How much of a pool is in use. */
export interface Usage {
  /** connections that are open or being made */
  connections: number;
  /** statements that wait for an answer, or for a connection */
  statements: number;
}

/** What postgres.js tells of a connection that it wants; its types leave `socket` out. */
export interface Target {
  host: string[];
  port: number[];
  /** of a Unix socket, instead of host and port */
  path: string | false;
}

/**
 * The sockets of a pool, and the statements that wait for an answer. postgres.js sets no limit to
 * that wait, and PostgreSQL's own is of no use once it is stopped or the network swallows packets. So
 * a statement that has waited longer than PostgreSQL would let it run is given up, and then the
 * connections that have been silent for as long are closed. The statement's own is one of them; the
 * others are idle, and cheaper to make anew than to be told apart for every statement.
 *
 * @param statementTimeoutMs PostgreSQL's limit; 0 for none, here neither
 * @param onFailed called with what a statement failed with
 */
export function watchConnections(statementTimeoutMs: number, onFailed: (error: unknown) => void) {
  const patience = statementTimeoutMs > 0 ? statementTimeoutMs + MARGIN_MS : Infinity;
  const statements = new Set<Statement>();
  const sockets = new Map<Socket, { bytesRead: number; since: number }>();
  let timer: NodeJS.Timeout | undefined;

  function sweep(): void {
    const now = performance.now();
    let overdue = false;
    // Oldest first. One that is given up stays, until closing its connection has settled it.
    for (const { since, giveUp } of statements) {
      if (now - since < patience) break;
      overdue = true;
      giveUp(failure('ETIMEDOUT', 'PostgreSQL has not answered in time'));
    }
    for (const [socket, heard] of sockets) {
      if (socket.bytesRead !== heard.bytesRead) {
        heard.bytesRead = socket.bytesRead;
        heard.since = now;
      } else if (overdue && now - heard.since >= patience) {
        socket.destroy(failure('ETIMEDOUT', 'The connection to PostgreSQL is silent'));
      }
    }
    if (statements.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  }

  return {
    /** How much is going on now, for whoever watches. */
    usage: (): Usage => ({ connections: sockets.size, statements: statements.size }),

    /**
     * Opens a socket: the option `socket` of postgres.js.
     *
     * @param onClosed called when it closes, with whether PostgreSQL has spoken on it
     */
    open: (
      { host: [host = 'localhost'], port: [port = 5432], path }: Target,
      onClosed: (hasSpoken: boolean) => void,
    ): Socket => {
      const socket = path ? connect(path) : connect({ host, port, noDelay: true });
      sockets.set(socket, { bytesRead: 0, since: performance.now() });
      socket.once('close', () => {
        sockets.delete(socket);
        onClosed(socket.bytesRead > 0);
      });
      // Without an error postgres.js would take a connection that is closed while it is being made
      // for one to be made again at once, and its statement would wait for as long as that fails.
      socket.once('end', () =>
        socket.destroy(failure('CONNECTION_CLOSED', 'PostgreSQL has closed the connection')),
      );
      // postgres.js names the server by it, and asks for its certificate.
      return Object.assign(socket, { host, port });
    },

    /** @returns what a statement answers; rejects once it has waited for too long */
    watch: <Answer>(answer: PromiseLike<Answer>): Promise<Answer> =>
      new Promise((resolve, reject) => {
        const statement = { since: performance.now(), giveUp: reject };
        statements.add(statement);
        timer ??= setInterval(sweep, SWEEP_MS).unref();
        answer.then(
          (value) => {
            statements.delete(statement);
            resolve(value);
          },
          (error: unknown) => {
            statements.delete(statement);
            onFailed(error);
            // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as it came
            reject(error);
          },
        );
      }),
  };
}

function failure(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}
