import rateLimit from '@fastify/rate-limit';
import fp from 'fastify-plugin';
import type { Redis } from 'ioredis';
import type { RateLimitConfig } from '../../config/load.js';
import { ServiceError } from '../../errors.js';

const WINDOW_MS = 60_000;

/** How many subjects are counted where no Redis does it; those that were quiet longest are forgotten. */
const COUNTED_SUBJECTS = 50_000;

/** A slower counter costs more than it saves. */
const REDIS_TIMEOUT_MS = 100;

/**
 * Limits the requests of each verified subject, and tells each answer how many are left. Register it
 * after the guard. While Redis cannot be reached, nothing is limited.
 */
export const rateLimitPlugin = fp<RateLimitConfig>(
  async (app, { max, redisUrl }) => {
    const redis = redisUrl === null ? null : await openRedis(redisUrl);
    redis?.on('error', (error: Error) => {
      app.log.warn({ err: error }, 'Redis does not count requests: they are not limited');
    });
    app.addHook('onClose', () => {
      redis?.disconnect();
    });

    await app.register(rateLimit, {
      max,
      timeWindow: WINDOW_MS,
      cache: COUNTED_SUBJECTS,
      ...(redis && { redis, nameSpace: 'spaces:rate-limit:' }),
      skipOnError: true,
      enableDraftSpec: true,
      keyGenerator: (request) => request.user.subject,
      errorResponseBuilder: (_request, { after }) =>
        new ServiceError(
          'rate_limited',
          `The limit is ${max} requests a minute. Try again in ${after}.`,
        ),
    });
  },
  { name: 'rate-limit', dependencies: ['auth'] },
);

/**
 * Fails at once while it is disconnected, and reconnects by itself. The package is loaded here, so that a
 * service without Redis does not load it.
 */
async function openRedis(url: string): Promise<Redis> {
  const { Redis } = await import('ioredis');
  return new Redis(url, {
    connectTimeout: 1000,
    commandTimeout: REDIS_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    enableOfflineQueue: false,
  });
}
