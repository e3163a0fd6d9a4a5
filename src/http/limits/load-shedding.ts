import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { ServiceError } from '../../errors.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** the limit that counts the request while it uses the database */
    concurrencyLimit: ConcurrencyLimit | null;
  }
  interface FastifyContextConfig {
    /** whether the validated request is a search, which may keep the database busy for long */
    isSearch?: (request: FastifyRequest) => boolean;
  }
  interface FastifyInstance {
    load: Load;
  }
}

export interface LoadSheddingOptions {
  /** maximum number of requests at the database */
  maxConcurrent: number;
  /** maximum number of searches at the database, in addition */
  maxConcurrentSearches: number;
  /** maximum number of waiting requests of each kind; further ones are rejected */
  queueMax: number;
  /** updated with each request */
  load: Load;
}

/** The current requests of the service, for metrics. */
export interface Load {
  /** requests at the database */
  active: number;
  /** requests in a queue */
  waiting: number;
  /** requests rejected since the start */
  rejected: number;
}

/** The limit of the requests of one kind. */
interface ConcurrencyLimit {
  readonly maxConcurrent: number;
  /** maximum number of active requests of one subject while others wait */
  readonly maxPerSubject: number;
  active: number;
  /** number of active requests by subject */
  readonly bySubject: Map<string, number>;
  /** the waiting requests, oldest first */
  readonly queue: Waiting[];
}

interface Waiting {
  request: FastifyRequest;
  since: number;
  /** continues the request, or rejects it */
  next: (error?: ServiceError) => void;
}

/** Longest time a request waits in the queue before it is rejected with 503. */
const QUEUE_TIMEOUT_MS = 500;

/** How long the response of a rejection is delayed: as long as `Retry-After`. */
const REJECTION_DELAY_MS = 1000;

/** Maximum number of delayed rejections; with pipelining there may be more requests than connections. */
const DELAYED_REJECTIONS_MAX = 10_000;

const SWEEP_MS = 50;

/** One shared error, because under overload each allocation counts. */
const overloaded = new ServiceError(
  'overloaded',
  'The service receives more requests than it can handle in time. Retry after the seconds in Retry-After.',
);

/**
 * Bounds the requests at the database and the queue before it, in number and in time, first come first served.
 * postgres.js itself has an unbounded queue, and `@fastify/under-pressure` has none.
 *
 * A request beyond the queue is rejected at once, but the response is delayed by a second: a client that gets it
 * at once retries at once, and thousands of retries take the processor from the requests that can be served.
 *
 * Searches have a limit and a queue of their own, so that others never wait behind them, and one subject has at
 * most half of that limit while others wait.
 *
 * Register it before authentication, so that a full queue costs no verification of tokens.
 */
export const loadSheddingPlugin = fp<LoadSheddingOptions>(
  (app, { maxConcurrent, maxConcurrentSearches, queueMax, load }, done) => {
    const usual = createLimit(maxConcurrent, maxConcurrent);
    const searches = createLimit(maxConcurrentSearches, Math.ceil(maxConcurrentSearches / 2));
    const delayed: Waiting[] = [];
    let timer: NodeJS.Timeout | undefined;

    app.decorateRequest('concurrencyLimit', null);

    const isFull = (limit: ConcurrencyLimit) =>
      limit.active >= limit.maxConcurrent && limit.queue.length >= queueMax;

    app.addHook('onRequest', (request, _reply, next) => {
      if (isFull(usual)) rejectLater({ request, since: performance.now(), next });
      else next();
    });

    app.addHook('preHandler', (request, _reply, next) => {
      const limit = request.routeOptions.config.isSearch?.(request) ? searches : usual;
      if (limit.active < limit.maxConcurrent) {
        start(limit, request, next);
        return;
      }
      const waiting = { request, since: performance.now(), next };
      if (isFull(limit)) {
        rejectLater(waiting);
      } else {
        limit.queue.push(waiting);
        load.waiting += 1;
        timer ??= setInterval(sweep, SWEEP_MS);
      }
    });

    // Not after the response is sent, because a client that reads slowly would occupy the limit.
    app.addHook('onSend', (request, _reply, _payload, next) => {
      const limit = request.concurrencyLimit;
      if (limit) {
        request.concurrencyLimit = null;
        limit.active -= 1;
        count(limit, request, -1);
        load.active -= 1;
        startWaiting(limit);
      }
      next();
    });

    function start(limit: ConcurrencyLimit, request: FastifyRequest, next: Waiting['next']): void {
      limit.active += 1;
      count(limit, request, 1);
      load.active += 1;
      request.concurrencyLimit = limit;
      next();
    }

    function startWaiting(limit: ConcurrencyLimit): void {
      while (limit.active < limit.maxConcurrent) {
        const fair = limit.queue.findIndex(
          ({ request }) => activeOf(limit, request) < limit.maxPerSubject,
        );
        const [first] = limit.queue.splice(Math.max(fair, 0), 1);
        if (!first) return;
        load.waiting -= 1;
        if (!isDisconnected(first)) start(limit, first.request, first.next);
      }
    }

    function rejectLater(waiting: Waiting): void {
      load.rejected += 1;
      if (delayed.length >= DELAYED_REJECTIONS_MAX) {
        waiting.next(overloaded);
      } else {
        delayed.push(waiting);
        timer ??= setInterval(sweep, SWEEP_MS);
      }
    }

    /** Rejects requests whose time in the queue is over, and sends delayed rejections. */
    function sweep(): void {
      const now = performance.now();
      for (const { queue } of [usual, searches]) {
        const expired = removeExpired(queue, now - QUEUE_TIMEOUT_MS);
        load.waiting -= expired.length;
        load.rejected += rejectAll(expired);
      }
      rejectAll(removeExpired(delayed, now - REJECTION_DELAY_MS));
      if (load.waiting === 0 && delayed.length === 0) {
        clearInterval(timer);
        timer = undefined;
      }
    }

    done();
  },
  { name: 'load-shedding', dependencies: ['problem'] },
);

function createLimit(maxConcurrent: number, maxPerSubject: number): ConcurrencyLimit {
  return { maxConcurrent, maxPerSubject, active: 0, bySubject: new Map(), queue: [] };
}

/** @returns how many requests of the subject are active */
function activeOf({ bySubject }: ConcurrencyLimit, { user: { subject } }: FastifyRequest): number {
  return bySubject.get(subject) ?? 0;
}

function count(limit: ConcurrencyLimit, request: FastifyRequest, change: number): void {
  // Without a limit per subject the counts are not used.
  if (limit.maxPerSubject >= limit.maxConcurrent) return;
  const now = activeOf(limit, request) + change;
  if (now === 0) limit.bySubject.delete(request.user.subject);
  else limit.bySubject.set(request.user.subject, now);
}

/** @returns the requests that have waited since before `time`, removed from the queue */
function removeExpired(queue: Waiting[], time: number): Waiting[] {
  const kept = queue.findIndex(({ since }) => since > time);
  return queue.splice(0, kept === -1 ? queue.length : kept);
}

/** @returns the number of clients that were still connected and got the rejection */
function rejectAll(rejected: Waiting[]): number {
  const connected = rejected.filter((waiting) => !isDisconnected(waiting));
  for (const { next } of connected) next(overloaded);
  return connected.length;
}

function isDisconnected({ request }: Waiting): boolean {
  return request.socket.destroyed;
}
