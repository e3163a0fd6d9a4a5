import rateLimit from '@fastify/rate-limit';
import fp from 'fastify-plugin';
import type { Redis } from 'ioredis';
import type { RateLimitConfig } from '../../config/load.js';
import { ServiceError } from '../../errors.js';

const WINDOW_MS = 60_000;

/** Maximum number of subjects counted in memory, without Redis; the least recently active are evicted. */
const COUNTED_SUBJECTS = 50_000;

/** Timeout of Redis; after it the request is not limited. */
const REDIS_TIMEOUT_MS = 100;

/**
 * Limits the requests of each verified subject, and adds `RateLimit-*` headers to each response. Register it
 * after authentication. While Redis cannot be reached, requests are not limited.
 */
export const rateLimitPlugin = fp<RateLimitConfig>(
  async (app, { max, redisUrl }) => {
    const redis = redisUrl === null ? null : await openRedis(redisUrl);
    redis?.on('error', (error: Error) => {
      app.log.warn({ err: error }, 'Redis is not available: requests are not limited');
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
          `The rate limit is ${max} requests per minute for each subject. Retry in ${after}.`,
        ),
    });
  },
  { name: 'rate-limit', dependencies: ['auth'] },
);

/**
 * Connects to Redis. Commands fail immediately while it is disconnected; it reconnects automatically. The
 * package is loaded here, so that a service without Redis does not load it.
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
