import { connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { portOf } from '../helpers/issuer.js';

/** A proxy between the service and a PostgreSQL that may restart on another port. */
export interface Network {
  /** the port of the proxy */
  readonly port: number;
  /** the port of PostgreSQL */
  target: number;
  /** whether bytes of every connection are dropped silently */
  isDropping: boolean;
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
        if (!network.isDropping) to.write(bytes);
      });
      from.on('error', () => undefined);
      from.once('close', () => {
        sockets.delete(from);
        if (!network.isDropping) to.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const network = { port: portOf(server.address()), target: 0, isDropping: false };
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return network;
}
