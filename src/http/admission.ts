import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { ServiceError } from '../errors.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** where it holds a place at the database */
    admittedTo: Lane | null;
  }
  interface FastifyContextConfig {
    /** whether the request, which is valid, may keep the database busy for long */
    isCostly?: (request: FastifyRequest) => boolean;
  }
  interface FastifyInstance {
    admission: Admission;
  }
}

export interface AdmissionOptions {
  /** how many requests are at the database at once */
  places: number;
  /** how many of those that may take long are there beside them */
  costlyPlaces: number;
  /** how many wait for a place; more are refused at once */
  queueMax: number;
  /** kept up to date */
  admission: Admission;
}

/** How things stand, for whoever watches. */
export interface Admission {
  /** requests at the database */
  active: number;
  /** requests that wait for a place */
  waiting: number;
  /** requests refused since the start */
  refused: number;
}

/** Requests that share places. */
interface Lane {
  readonly places: number;
  active: number;
  /** those that wait for a place, in the order they came */
  readonly queue: Waiting[];
}

interface Waiting {
  request: FastifyRequest;
  since: number;
  answer: (error?: ServiceError) => void;
}

/** Whoever was not admitted by then is refused: the caller's own patience is what is saved. */
const PATIENCE_MS = 500;

const SWEEP_MS = 100;

/** One for all: under overload nothing may be made for each request that is not needed. */
const overloaded = new ServiceError(
  'overloaded',
  'More requests have come than can be answered in time. Try again in a moment.',
);

/**
 * Admits a bounded number of requests to the database at once and lets a bounded number wait for a
 * bounded time; the rest is refused. postgres.js itself would queue without any bound.
 *
 * The last to come is the first to be admitted: under overload those that have waited long are given
 * up by their callers anyway, and serving them would make everyone wait as long. A caller who has gone
 * is forgotten. Requests that are refused for another reason never get here.
 *
 * Waiting, not refusing at once, is what keeps the rate under overload: a caller who waits does not
 * send the next request.
 *
 * Requests that may take long have places of their own, so that however many come, the others do not
 * wait behind them.
 *
 * Register it before the guard, so that a full queue costs no verification of tokens.
 */
export const admissionPlugin = fp<AdmissionOptions>(
  (app, { places, costlyPlaces, queueMax, admission }, done) => {
    const usual: Lane = { places, active: 0, queue: [] };
    const costly: Lane = { places: costlyPlaces, active: 0, queue: [] };
    let timer: NodeJS.Timeout | undefined;

    app.decorateRequest('admittedTo', null);

    const isFull = (lane: Lane) => lane.active >= lane.places && admission.waiting >= queueMax;

    app.addHook('onRequest', (_request, _reply, next) => {
      if (isFull(usual)) refuse(next);
      else next();
    });

    app.addHook('preHandler', (request, _reply, next) => {
      const lane = request.routeOptions.config.isCostly?.(request) ? costly : usual;
      if (lane.active < lane.places) {
        admit(lane, request, next);
      } else if (isFull(lane)) {
        refuse(next);
      } else {
        lane.queue.push({ request, since: performance.now(), answer: next });
        admission.waiting += 1;
        timer ??= setInterval(sweep, SWEEP_MS);
      }
    });

    // Not when the answer has been sent: a caller who reads slowly would keep the place.
    app.addHook('onSend', (request, _reply, _payload, next) => {
      const lane = request.admittedTo;
      if (lane) {
        request.admittedTo = null;
        lane.active -= 1;
        admission.active -= 1;
        admitNext(lane);
      }
      next();
    });

    function admit(lane: Lane, request: FastifyRequest, answer: Waiting['answer']): void {
      lane.active += 1;
      admission.active += 1;
      request.admittedTo = lane;
      answer();
    }

    function admitNext(lane: Lane): void {
      while (lane.active < lane.places) {
        const last = lane.queue.pop();
        if (!last) return;
        admission.waiting -= 1;
        if (!hasGone(last)) admit(lane, last.request, last.answer);
      }
    }

    function refuse(answer: Waiting['answer']): void {
      admission.refused += 1;
      answer(overloaded);
    }

    /** Refuses those who have waited for too long: they are the first in the queue. */
    function sweep(): void {
      const tooOld = performance.now() - PATIENCE_MS;
      for (const { queue } of [usual, costly]) {
        const kept = queue.findIndex(({ since }) => since > tooOld);
        const expired = queue.splice(0, kept === -1 ? queue.length : kept);
        admission.waiting -= expired.length;
        for (const waiting of expired) {
          if (!hasGone(waiting)) refuse(waiting.answer);
        }
      }
      if (admission.waiting === 0) {
        clearInterval(timer);
        timer = undefined;
      }
    }

    done();
  },
  { name: 'admission', dependencies: ['problem'] },
);

function hasGone({ request }: Waiting): boolean {
  return request.socket.destroyed;
}
