import { setTimeout } from 'node:timers/promises';
import type { Erased } from './containers.js';

/** A background erasure pauses for so many times as long as each statement took: 4 % of one connection. */
export const PAUSE_RATIO = 24;

/** The callbacks of erasures. */
export interface ErasureEvents {
  onErased?: (erased: Erased) => void;
  /** called with the error of an erasure that stays unfinished until the retention goes on with it */
  onError?: (error: unknown) => void;
}

/** Whether an erasure has ended when its request gets its response. */
export interface ErasureOutcome {
  /** false while it continues in the background */
  isDone: boolean;
}

/** Runs the erasures that requests begin: small ones at once, large ones in the background, one after another. */
export class Erasures {
  readonly #events: ErasureEvents;
  readonly #abort = new AbortController();
  #background = Promise.resolve();

  constructor(events: ErasureEvents = {}) {
    this.#events = events;
  }

  /**
   * Erases what is left of something whose erasure has begun.
   *
   * @param statements run one after another; the erasure is large when one of them has to be repeated
   * @returns whether nothing is left; otherwise it goes on in the background
   */
  async run(statements: AsyncGenerator<Erased>): Promise<boolean> {
    try {
      for (;;) {
        const next = await statements.next();
        if (next.done === true) return true;
        this.#events.onErased?.(next.value);
        if (next.value.more === true) break;
      }
    } catch (error) {
      this.#events.onError?.(error);
      return false;
    }
    this.#background = this.#background.then(() => this.#finish(statements));
    return false;
  }

  async #finish(statements: AsyncGenerator<Erased>): Promise<void> {
    const { signal } = this.#abort;
    try {
      while (!signal.aborted) {
        const since = performance.now();
        const next = await statements.next();
        if (next.done === true) return;
        this.#events.onErased?.(next.value);
        const pause = (performance.now() - since) * PAUSE_RATIO;
        await setTimeout(pause, undefined, { signal }).catch(() => undefined);
      }
    } catch (error) {
      this.#events.onError?.(error);
    }
  }

  /** Stops after the statement that runs. The retention of any process goes on with what is left. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#background;
  }
}
