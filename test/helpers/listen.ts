import type { Test } from 'tap';
import type { AppOptions } from '../../src/app.js';
import { signToken } from '../../src/development/token.js';
import { SECRET, startService } from './app.js';
import { fetchInTime } from './fetch.js';
import { portOf } from './issuer.js';
import { memoryLogger } from './logger.js';
import { type RawAnswer, rawConnection } from './raw.js';

/** Starts a service that listens, with functions that write to its connections. */
export async function listen(t: Test, options: Partial<AppOptions> = {}) {
  const { logger, text: log } = memoryLogger();
  const service = await startService(t, { logger, ...options });
  await service.app.listen({ host: '127.0.0.1', port: 0 });
  const port = portOf(service.app.server.address());
  const token = await signToken(SECRET, { subject: 'alice', expiresIn: '1 hour' });
  await (await service.as('alice')).post('/namespaces', { slug: 'acme' });
  const open = () => rawConnection(t, port);
  return {
    service,
    port,
    log,
    open,
    authorization: `Authorization: Bearer ${token}`,
    /** writes on a new connection, and waits until the server has closed it */
    async exchange(bytes: string | Buffer): Promise<RawAnswer[]> {
      const connection = await open();
      connection.write(bytes);
      return connection.closed;
    },
    /** whether the service is ready */
    async isReady(): Promise<boolean> {
      const answer = await fetchInTime(`http://127.0.0.1:${port}/readyz`);
      await answer.text();
      return answer.status === 200;
    },
  };
}
