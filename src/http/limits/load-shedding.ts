import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { ServiceError } from '../../errors.js';

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
  /** how many wait for a place of each kind; more are refused */
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
  /** how many of them one subject has while others wait */
  readonly share: number;
  active: number;
  /** of each subject that has places */
  readonly bySubject: Map<string, number>;
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

/** How long a refusal is kept back: as long as `Retry-After` would have a caller wait who heeds it. */
const REFUSAL_MS = 1000;

/** How many refusals are kept back at most; pipelining makes more requests than connections. */
const REFUSALS_MAX = 10_000;

const SWEEP_MS = 50;

/** One for all: under overload nothing may be made for each request that is not needed. */
const overloaded = new ServiceError(
  'overloaded',
  'More requests have come than can be answered in time. Try again in a moment.',
);

/**
 * Admits a bounded number of requests to the database at once and lets a bounded number wait for a
 * bounded time, in the order they came; the rest is refused. postgres.js itself would queue without
 * any bound. A caller who has gone is forgotten. Requests that are refused for another reason never
 * get here.
 *
 * Beyond the queue a refusal is decided at once and told a second later. A caller who is told at once
 * comes again at once, and thousands of those take the processor from the answers that are still good;
 * one who waits costs a place in a list.
 *
 * Requests that may take long have places and a queue of their own, so that however many come, the others do not
 * wait behind them; and no subject has more than half of those places while others wait.
 *
 * Register it before the guard, so that a full queue costs no verification of tokens.
 */
export const admissionPlugin = fp<AdmissionOptions>(
  (app, { places, costlyPlaces, queueMax, admission }, done) => {
    const usual = createLane(places, places);
    // A search takes long: one subject leaves half of the places to others.
    const costly = createLane(costlyPlaces, Math.ceil(costlyPlaces / 2));
    const refusals: Waiting[] = [];
    let timer: NodeJS.Timeout | undefined;

    app.decorateRequest('admittedTo', null);

    const isFull = (lane: Lane) => lane.active >= lane.places && lane.queue.length >= queueMax;

    app.addHook('onRequest', (request, _reply, next) => {
      if (isFull(usual)) refuseLater({ request, since: performance.now(), answer: next });
      else next();
    });

    app.addHook('preHandler', (request, _reply, next) => {
      const lane = request.routeOptions.config.isCostly?.(request) ? costly : usual;
      if (lane.active < lane.places) {
        admit(lane, request, next);
        return;
      }
      const waiting = { request, since: performance.now(), answer: next };
      if (isFull(lane)) {
        refuseLater(waiting);
      } else {
        lane.queue.push(waiting);
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
        count(lane, request, -1);
        admission.active -= 1;
        admitNext(lane);
      }
      next();
    });

    function admit(lane: Lane, request: FastifyRequest, answer: Waiting['answer']): void {
      lane.active += 1;
      count(lane, request, 1);
      admission.active += 1;
      request.admittedTo = lane;
      answer();
    }

    function admitNext(lane: Lane): void {
      while (lane.active < lane.places) {
        const fair = lane.queue.findIndex(({ request }) => held(lane, request) < lane.share);
        const [first] = lane.queue.splice(Math.max(fair, 0), 1);
        if (!first) return;
        admission.waiting -= 1;
        if (!hasGone(first)) admit(lane, first.request, first.answer);
      }
    }

    function refuseLater(waiting: Waiting): void {
      admission.refused += 1;
      if (refusals.length >= REFUSALS_MAX) {
        waiting.answer(overloaded);
      } else {
        refusals.push(waiting);
        timer ??= setInterval(sweep, SWEEP_MS);
      }
    }

    /** Refuses those who have waited for too long, and tells those who were refused long enough ago. */
    function sweep(): void {
      const now = performance.now();
      for (const { queue } of [usual, costly]) {
        const impatient = takeOlder(queue, now - PATIENCE_MS);
        admission.waiting -= impatient.length;
        admission.refused += tell(impatient);
      }
      tell(takeOlder(refusals, now - REFUSAL_MS));
      if (admission.waiting === 0 && refusals.length === 0) {
        clearInterval(timer);
        timer = undefined;
      }
    }

    done();
  },
  { name: 'admission', dependencies: ['problem'] },
);

function createLane(places: number, share: number): Lane {
  return { places, share, active: 0, bySubject: new Map(), queue: [] };
}

/** @returns how many places the subject of a request has */
function held({ bySubject }: Lane, { user: { subject } }: FastifyRequest): number {
  return bySubject.get(subject) ?? 0;
}

function count(lane: Lane, request: FastifyRequest, change: number): void {
  // Where one may have all places, nobody has to know who has how many.
  if (lane.share >= lane.places) return;
  const now = held(lane, request) + change;
  if (now === 0) lane.bySubject.delete(request.user.subject);
  else lane.bySubject.set(request.user.subject, now);
}

/** Takes those out of a queue who have been in it since before some time. */
function takeOlder(queue: Waiting[], time: number): Waiting[] {
  const kept = queue.findIndex(({ since }) => since > time);
  return queue.splice(0, kept === -1 ? queue.length : kept);
}

/** @returns how many were there to be told */
function tell(refused: Waiting[]): number {
  const present = refused.filter((waiting) => !hasGone(waiting));
  for (const { answer } of present) answer(overloaded);
  return present.length;
}

function hasGone({ request }: Waiting): boolean {
  return request.socket.destroyed;
}
