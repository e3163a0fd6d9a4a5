import { connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { portOf } from '../helpers/issuer.js';

/** A network between the service and a PostgreSQL that may restart on another port. */
export interface Network {
  /** where the service connects to */
  readonly port: number;
  /** where PostgreSQL is */
  target: number;
  /** whether bytes of every connection are dropped silently */
  swallows: boolean;
}

/** Starts a proxy on 127.0.0.1; where nothing listens at the target, connections are closed. */
export async function startNetwork(t: Test): Promise<Network> {
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(network.target, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (bytes) => {
        if (!network.swallows) to.write(bytes);
      });
      from.on('error', () => undefined);
      from.once('close', () => {
        sockets.delete(from);
        if (!network.swallows) to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const network = { port: portOf(server.address()), target: 0, swallows: false };
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return network;
}
