import { lookup } from 'node:dns/promises';
import { createServer, type Server } from 'node:net';
import type { FastifyInstance } from 'fastify';

/** Errors for an address that a name resolves to but the machine lacks, such as `::1` without IPv6. */
const MISSING = ['EADDRNOTAVAIL', 'EAFNOSUPPORT'];

/**
 * Listens on every address of a host, such as both of `localhost`. All connections go to the application's HTTP
 * server, so that its limits and handlers apply.
 *
 * @param port 0 for a free one, which is the same for all addresses
 * @throws the error of Node's `listen`
 */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<void> {
  const [first, ...others] = await lookup(host, { all: true });
  const servers: Server[] = [];
  app.addHook('preClose', async () => {
    const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
    app.server.closeIdleConnections();
    await Promise.all(closed);
  });
  await app.listen({ host: first?.address ?? host, port });
  const bound = app.server.address();
  if (bound === null || typeof bound === 'string') throw new Error('No port is listened on');
  for (const { address } of others) {
    const server = createServer({ noDelay: true }, (socket) => {
      app.server.emit('connection', socket);
    });
    if (await open(server, address, bound.port)) servers.push(server);
  }
}

/** Listens on an address. @returns false if the machine lacks it */
function open(server: Server, host: string, port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (MISSING.includes(error.code ?? '')) resolve(false);
      else reject(error);
    });
    server.listen({ host, port }, () => {
      resolve(true);
    });
  });
}
