import { LRUCache } from 'lru-cache';

/** A finished page of a list, at one revision. */
export interface CachedPage {
  /** changes with every write that the list shows */
  readonly revision: string;
  /** how many items the whole list has */
  readonly total: number;
  /** the body of the answer */
  readonly body: Buffer;
}

/** The state of a list, read by the same statement as the caller's access. */
export type ListState = Pick<CachedPage, 'revision' | 'total'>;

/** A page that is perhaps kept, as it was before the statement ran. */
export interface Lookup {
  readonly key: string;
  readonly page: CachedPage | null;
  /** the revision of that page: the parameter `known` of the statement */
  readonly known: string | null;
}

/** The bytes of an entry beside its body: keys, numbers and the cache's own lists. */
const ENTRY_BYTES = 500;

/**
 * Finished pages of lists, the least recently used of which go first. A page is never answered because it
 * is here: the statement of each request reads the revision, together with the caller's access, and a page
 * is answered only while it has that revision.
 */
export class PageCache {
  readonly #pages: LRUCache<string, CachedPage> | null;
  #hits = 0;
  #misses = 0;

  /** @param maxBytes the most bytes of pages that are kept; 0 keeps none */
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
   * Looks a page up before its statement runs. The statement gets the revision, and reads no items while the
   * list still has it.
   *
   * @param key names the list, the page and all else that the body depends on
   */
  lookUp(key: string): Lookup {
    const page = this.#pages?.get(key) ?? null;
    return { key, page, known: page?.revision ?? null };
  }

  /**
   * Call it only for a caller whose access the statement has confirmed.
   *
   * @param read the result of the statement: the items only where `revision` is not the known one
   * @param render makes the body of the response
   * @returns the page as the database has it
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

  /** @returns the figures for the metrics: counts since the start, and the bytes kept now */
  usage(): { hits: number; misses: number; bytes: number } {
    return { hits: this.#hits, misses: this.#misses, bytes: this.#pages?.calculatedSize ?? 0 };
  }
}
