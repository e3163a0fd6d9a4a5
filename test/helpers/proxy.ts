import { connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { type Service, startService } from './app.js';
import { createDatabase, openDatabase } from './database.js';
import { portOf } from './issuer.js';

export interface Traffic {
  /** executed statements */
  statements: number;
  /** the number of times that the client sent messages while none was unanswered */
  roundTrips: number;
}

/** A proxy between the service and PostgreSQL. */
export interface Proxy {
  /** the database, reached through the proxy */
  url: string;
  /** milliseconds that bytes take each way */
  delay: number;
  /** closes the connection before the response to the last of so many statements */
  cutAfter(statements: number): void;
  /** undoes `cutAfter` */
  restore(): void;
  /** the traffic since the start */
  traffic: Traffic;
  /** @returns the result, and the traffic of all connections during the operation */
  count<Result>(operation: () => Promise<Result>): Promise<Traffic & { result: Result }>;
}

/**
 * Starts a TCP proxy that counts messages. Statements are the messages Execute and Query. Every Sync,
 * Query, Flush and startup expects an answer; a round trip begins when the client sends while none
 * is outstanding, so statements sent together, on one connection or on several, are one.
 *
 * https://www.postgresql.org/docs/current/protocol-flow.html
 */
export async function startProxy(t: Test, databaseUrl: string): Promise<Proxy> {
  const target = new URL(databaseUrl);
  const sockets = new Set<Socket>();
  const traffic: Traffic = { statements: 0, roundTrips: 0 };
  let outstanding = 0;
  let waiting = false;
  let cutAt = Infinity;

  const settle = (answers: number) => {
    outstanding -= answers;
    if (outstanding === 0) waiting = false;
  };

  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({
      port: Number(target.port || 5432),
      host: target.hostname,
      noDelay: true,
    });
    let flushes = 0;
    let unanswered = 0;

    const readClient = messageReader(true, (type) => {
      if (type === 'E' || type === 'Q') traffic.statements += 1;
      if (type === 'H') flushes += 1;
      if (['startup', 'S', 'Q', 'H'].includes(type)) {
        outstanding += 1;
        unanswered += 1;
      }
    });
    const readServer = messageReader(false, (type) => {
      // A Flush after Describe is answered by the description, or by an error.
      const answersFlush = flushes > 0 && ['T', 'n', 'E'].includes(type);
      if (answersFlush) flushes -= 1;
      if (answersFlush || type === 'Z') {
        unanswered -= 1;
        settle(1);
      }
    });

    client.on('data', (bytes) => {
      if (!waiting) {
        traffic.roundTrips += 1;
        waiting = true;
      }
      readClient(bytes);
      later(() => upstream.write(bytes));
    });
    upstream.on('data', (bytes) => {
      if (traffic.statements >= cutAt) {
        client.destroy();
        return;
      }
      later(() => {
        readServer(bytes);
        client.write(bytes);
      });
    });
    join(client, upstream);
    client.once('close', () => {
      settle(unanswered);
    });
  });

  function later(pass: () => void): void {
    if (proxy.delay === 0) pass();
    else setTimeout(pass, proxy.delay);
  }

  function join(client: Socket, upstream: Socket): void {
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.once('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const through = new URL(databaseUrl);
  through.hostname = '127.0.0.1';
  through.port = String(portOf(server.address()));
  const proxy: Proxy = {
    url: through.href,
    delay: 0,
    cutAfter(statements) {
      cutAt = traffic.statements + statements;
    },
    restore() {
      cutAt = Infinity;
    },
    traffic,
    async count(operation) {
      const before = { ...traffic };
      const result = await operation();
      return {
        statements: traffic.statements - before.statements,
        roundTrips: traffic.roundTrips - before.roundTrips,
        result,
      };
    },
  };
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return proxy;
}

/**
 * Starts a service whose statements are counted. It has one connection, because each prepares a
 * statement when it first runs it, in a round trip of its own: run an operation before counting.
 */
export async function startCounted(t: Test): Promise<{ service: Service; proxy: Proxy }> {
  const proxy = await startProxy(t, await createDatabase(t));
  const db = openDatabase(t, proxy.url, { poolMax: 1 });
  return { service: await startService(t, { db }), proxy };
}

/** @returns a reader of chunks that reports the type of each message */
function messageReader(hasStartup: boolean, onMessage: (type: string) => void) {
  let rest: Buffer = Buffer.alloc(0);
  // The first message of a client has a length, but no type.
  let isStartup = hasStartup;
  return (bytes: Buffer): void => {
    rest = Buffer.concat([rest, bytes]);
    for (;;) {
      const lengthAt = isStartup ? 0 : 1;
      if (rest.length < lengthAt + 4) return;
      const end = lengthAt + rest.readUInt32BE(lengthAt);
      if (rest.length < end) return;
      onMessage(isStartup ? 'startup' : String.fromCharCode(rest.readUInt8(0)));
      rest = rest.subarray(end);
      isStartup = false;
    }
  };
}
