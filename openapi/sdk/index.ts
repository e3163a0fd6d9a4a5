import createClient, { type Client } from 'openapi-fetch';
// `npm run sdk` generates it from the API document.
import type { components, operations, paths } from './schema.js';

export type { components, operations, paths } from './schema.js';

type Schemas = components['schemas'];
export type Problem = Schemas['Problem'];
export type ProblemCode = Schemas['ProblemCode'];

export interface SpacesClientOptions {
  baseUrl: string;
  /** a JWT, or a function that returns one for each request */
  token: string | (() => string | Promise<string>);
  /** maximum number of attempts of a request that is safe to retry; default 5 */
  attempts?: number;
  /** replaces the global `fetch` */
  fetch?: (request: Request) => Promise<Response>;
}

/** The parameters of a list, without the page and the cursor. */
type ListQuery<Operation extends keyof operations> = Omit<
  NonNullable<operations[Operation]['parameters']['query']>,
  'page' | 'cursor'
>;

/** One function for each HTTP method, typed by the paths of the API, and lists as async iterators. */
export interface SpacesClient extends Client<paths> {
  /** The namespaces you are a member of. */
  namespaces(query?: ListQuery<'listNamespaces'>): AsyncGenerator<Schemas['NamespaceListItem']>;
  /** The spaces of a namespace. */
  spaces(
    namespace: string,
    query?: ListQuery<'listSpaces'>,
  ): AsyncGenerator<Schemas['SpaceListItem']>;
  /** The members of a namespace. */
  members(namespace: string, query?: ListQuery<'listMembers'>): AsyncGenerator<Schemas['Member']>;
  /** The folders of a space: the direct children of the root, or of `parent`. */
  folders(
    namespace: string,
    space: string,
    query?: ListQuery<'listFolders'>,
  ): AsyncGenerator<Schemas['Folder']>;
  /** The episodes of a space. */
  episodes(
    namespace: string,
    space: string,
    query?: ListQuery<'listEpisodes'>,
  ): AsyncGenerator<Schemas['Episode']>;
  /** The assets of a space and of its episodes. */
  assets(
    namespace: string,
    space: string,
    query?: ListQuery<'listAssets'>,
  ): AsyncGenerator<Schemas['Asset']>;
}

/** A problem that the service responded with. */
export class SpacesError extends Error {
  override readonly name = 'SpacesError';
  readonly code: ProblemCode;

  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
    this.code = problem.code;
  }
}

/** The result of a request. */
type ApiResult<Data> = { response: Response } & (
  { data: Data; error?: never } | { data?: never; error: Problem }
);
type DataOf<Given> = Given extends { error: Problem }
  ? never
  : Given extends { data: infer Data }
    ? Data
    : never;

/**
 * @returns the body of a successful response
 * @throws `SpacesError` for a problem, `Error` for any other error response
 */
export function unwrap<Given extends ApiResult<unknown>>(result: Given): DataOf<Given>;
export function unwrap(result: ApiResult<unknown>): unknown {
  if (result.error === undefined) return result.data;
  // An error response without a problem comes from a proxy in between.
  if (!isProblem(result.error)) throw new Error(`HTTP status ${result.response.status}`);
  throw new SpacesError(result.error);
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && 'detail' in body;
}

/**
 * Creates a client of the service. Requests that are safe to retry are sent again when the connection fails or
 * the response has `Retry-After`. Each POST without an `Idempotency-Key` gets one, so that it is safe to retry.
 */
export function createSpacesClient(options: SpacesClientOptions): SpacesClient {
  const { baseUrl, token, attempts = 5, fetch: send = fetch } = options;
  const client = createClient<paths>({
    baseUrl,
    fetch: (request) => sendWithRetries(request, send, attempts),
  });
  client.use({
    async onRequest({ request }) {
      const { headers } = request;
      const value = typeof token === 'string' ? token : await token();
      headers.set('authorization', `Bearer ${value}`);
      if (request.method === 'POST' && !headers.has('idempotency-key')) {
        headers.set('idempotency-key', crypto.randomUUID());
      }
    },
  });

  return Object.assign(client, {
    async *namespaces(query: ListQuery<'listNamespaces'> = {}) {
      const read = (cursor: string) =>
        client.GET('/namespaces', { params: { query: { pageSize: PAGE_SIZE, ...query, cursor } } });
      for await (const { namespaces } of cursorPages(read)) yield* namespaces;
    },
    async *spaces(slug: string, query: ListQuery<'listSpaces'> = {}) {
      const read = (cursor: string) =>
        client.GET('/namespaces/{slug}/spaces', {
          params: { path: { slug }, query: { pageSize: PAGE_SIZE, ...query, cursor } },
        });
      for await (const { spaces } of cursorPages(read)) yield* spaces;
    },
    async *members(slug: string, query: ListQuery<'listMembers'> = {}) {
      const read = (cursor: string) =>
        client.GET('/namespaces/{slug}/members', {
          params: { path: { slug }, query: { pageSize: PAGE_SIZE, ...query, cursor } },
        });
      for await (const { members } of cursorPages(read)) yield* members;
    },
    async *folders(slug: string, projectSlug: string, query: ListQuery<'listFolders'> = {}) {
      const read = (cursor: string) =>
        client.GET('/namespaces/{slug}/projects/{projectSlug}/folders', {
          params: { path: { slug, projectSlug }, query: { pageSize: PAGE_SIZE, ...query, cursor } },
        });
      for await (const { folders } of cursorPages(read)) yield* folders;
    },
    async *episodes(slug: string, projectSlug: string, query: ListQuery<'listEpisodes'> = {}) {
      const read = (cursor: string) =>
        client.GET('/namespaces/{slug}/projects/{projectSlug}/episodes', {
          params: { path: { slug, projectSlug }, query: { pageSize: PAGE_SIZE, ...query, cursor } },
        });
      for await (const { episodes } of cursorPages(read)) yield* episodes;
    },
    async *assets(slug: string, projectSlug: string, query: ListQuery<'listAssets'> = {}) {
      const read = (cursor: string) =>
        client.GET('/namespaces/{slug}/projects/{projectSlug}/assets', {
          params: { path: { slug, projectSlug }, query: { pageSize: PAGE_SIZE, ...query, cursor } },
        });
      for await (const { assets } of cursorPages(read)) yield* assets;
    },
  });
}

const PAGE_SIZE = 200;

/**
 * All cursor pages of a list: an item that exists throughout is returned exactly once, despite concurrent
 * writes.
 */
async function* cursorPages<Part extends { nextCursor?: string | null }>(
  read: (cursor: string) => Promise<ApiResult<Part>>,
): AsyncGenerator<Part> {
  for (let cursor: string | null = 'start'; cursor !== null;) {
    const part: Part = unwrap(await read(cursor));
    yield part;
    cursor = part.nextCursor ?? null;
  }
}

/** @returns whether a request may be sent again if it got no response, so that its effect is unknown */
function isRetryable({ method, headers }: Request): boolean {
  return ['GET', 'HEAD', 'PUT'].includes(method) || headers.has('idempotency-key');
}

async function sendWithRetries(
  request: Request,
  send: (request: Request) => Promise<Response>,
  attempts: number,
): Promise<Response> {
  const isSafeToRetry = isRetryable(request);
  for (let attempt = 1; ; attempt += 1) {
    const last = attempt >= attempts;
    let seconds = 2 ** attempt / 10;
    try {
      const response = await send(request.clone());
      const asked = response.headers.get('retry-after');
      // A request with a 429 was not executed, so every method may be retried.
      if (last || asked === null || !(isSafeToRetry || response.status === 429)) return response;
      seconds = Number(asked) || seconds;
      await response.body?.cancel();
    } catch (error) {
      if (last || !isSafeToRetry || request.signal.aborted) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}
