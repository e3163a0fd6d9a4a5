import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { ServiceError } from '../errors.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** whether it holds one of the places at the database */
    admitted: boolean;
  }
  interface FastifyInstance {
    admission: Admission;
  }
}

export interface AdmissionOptions {
  /** how many requests are at the database at once */
  places: number;
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
 * Register it before the guard, so that a full queue costs no verification of tokens.
 */
export const admissionPlugin = fp<AdmissionOptions>(
  (app, { places, queueMax, admission }, done) => {
    const queue: Waiting[] = [];
    let timer: NodeJS.Timeout | undefined;

    app.decorateRequest('admitted', false);

    const isFull = () => admission.active >= places && queue.length >= queueMax;

    app.addHook('onRequest', (_request, _reply, next) => {
      if (isFull()) refuse(next);
      else next();
    });

    app.addHook('preHandler', (request, _reply, next) => {
      if (admission.active < places) {
        admit(request, next);
      } else if (isFull()) {
        refuse(next);
      } else {
        queue.push({ request, since: performance.now(), answer: next });
        admission.waiting = queue.length;
        timer ??= setInterval(sweep, SWEEP_MS);
      }
    });

    // Not when the answer has been sent: a caller who reads slowly would keep the place.
    app.addHook('onSend', (request, _reply, _payload, next) => {
      if (request.admitted) {
        request.admitted = false;
        admission.active -= 1;
        admitNext();
      }
      next();
    });

    function admit(request: FastifyRequest, answer: Waiting['answer']): void {
      admission.active += 1;
      request.admitted = true;
      answer();
    }

    function admitNext(): void {
      while (admission.active < places) {
        const last = queue.pop();
        if (!last) return;
        admission.waiting = queue.length;
        if (!hasGone(last)) admit(last.request, last.answer);
      }
    }

    function refuse(answer: Waiting['answer']): void {
      admission.refused += 1;
      answer(overloaded);
    }

    /** Refuses those who have waited for too long: they are the first in the queue. */
    function sweep(): void {
      const tooOld = performance.now() - PATIENCE_MS;
      const kept = queue.findIndex(({ since }) => since > tooOld);
      const expired = queue.splice(0, kept === -1 ? queue.length : kept);
      admission.waiting = queue.length;
      for (const waiting of expired) {
        if (!hasGone(waiting)) refuse(waiting.answer);
      }
      if (queue.length === 0) {
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
