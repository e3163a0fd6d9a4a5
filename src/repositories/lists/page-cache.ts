import { LRUCache } from 'lru-cache';

/** A rendered page of a list at one revision. */
export interface CachedPage {
  /** changes with every write that affects the list */
  readonly revision: string;
  /** the number of items in the list */
  readonly total: number;
  /** the body of the response */
  readonly body: Buffer;
}

/** The state of a list, read in the same statement as the caller's access. */
export type ListState = Pick<CachedPage, 'revision' | 'total'>;

/** The result of a look-up in the cache before the statement runs. */
export interface Lookup {
  readonly key: string;
  readonly page: CachedPage | null;
  /** the revision of the cached page: the parameter `known` of the statement */
  readonly known: string | null;
}

/** The size of a cache entry without its body. */
const ENTRY_BYTES = 500;

/**
 * An LRU cache of rendered list pages. A cached page is never served without a check: the statement of each
 * request reads the revision of the list together with the caller's access, and the page is served only if it
 * has that revision.
 */
export class PageCache {
  readonly #pages: LRUCache<string, CachedPage> | null;
  #hits = 0;
  #misses = 0;

  /** @param maxBytes the maximum size of the cache; 0 disables it */
  constructor(maxBytes: number) {
    this.#pages =
      maxBytes === 0
        ? null
        : new LRUCache({
            maxSize: maxBytes,
            sizeCalculation: ({ body }) => body.length + ENTRY_BYTES,
          });
  }

  /**
   * Looks up a page before its statement runs. The statement gets its revision as a parameter, and reads no
   * items if the list still has it.
   *
   * @param key identifies the list, the page and everything else that the body depends on
   */
  lookUp(key: string): Lookup {
    const page = this.#pages?.get(key) ?? null;
    return { key, page, known: page?.revision ?? null };
  }

  /**
   * Returns the cached page if it is current, otherwise renders and caches it. Call it only if the statement
   * has confirmed the caller's access.
   *
   * @param read the state of the list, from the statement
   * @param render renders the body from the items that the statement read
   * @returns the current page
   */
  settle(
    { key, page, known }: Lookup,
    read: ListState,
    render: (total: number) => Buffer,
  ): CachedPage {
    if (page && read.revision === known) {
      this.#hits += 1;
      return page;
    }
    this.#misses += 1;
    const { revision, total } = read;
    const current = { revision, total, body: render(total) };
    this.#pages?.set(key, current);
    return current;
  }

  /** @returns the metrics: counts since the start, and the current size in bytes */
  usage(): { hits: number; misses: number; bytes: number } {
    return { hits: this.#hits, misses: this.#misses, bytes: this.#pages?.calculatedSize ?? 0 };
  }
}
