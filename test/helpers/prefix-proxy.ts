import { createServer, request } from 'node:http';
import type { Test } from 'tap';
import { portOf } from './issuer.js';

/**
 * Starts a proxy that maps `/api/*` to `/*`, as gateways do; everything else is 404.
 *
 * @param target the port of the service
 * @returns the port of the proxy
 */
export async function startPrefixProxy(t: Test, target: () => number): Promise<number> {
  const proxy = createServer((incoming, outgoing) => {
    const { method, headers, url = '' } = incoming;
    if (!url.startsWith('/api/')) {
      outgoing.writeHead(404).end();
      return;
    }
    const path = url.slice('/api'.length);
    const onward = request(
      { host: '127.0.0.1', port: target(), method, path, headers },
      (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
        answer.pipe(outgoing);
      },
    );
    incoming.pipe(onward);
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => proxy.once('listening', resolve));
  t.teardown(() => {
    proxy.close();
    proxy.closeAllConnections();
  });
  return portOf(proxy.address());
}
