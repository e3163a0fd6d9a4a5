import createClient, { type Client } from 'openapi-fetch';
// `npm run sdk` makes it from the API's document.
import type { components, operations, paths } from './schema.js';

export type { components, operations, paths } from './schema.js';

type Schemas = components['schemas'];
export type Problem = Schemas['Problem'];
export type ProblemCode = Schemas['ProblemCode'];

export interface SpacesClientOptions {
  baseUrl: string;
  /** a JWT, or what gets one for each request */
  token: string | (() => string | Promise<string>);
  /** how often a request that is safe to repeat is sent; default 5 */
  attempts?: number;
  /** instead of the global one */
  fetch?: (request: Request) => Promise<Response>;
}

/** What a list takes, but for where in it to read. */
type ListQuery<Operation extends keyof operations> = Omit<
  NonNullable<operations[Operation]['parameters']['query']>,
  'page' | 'cursor'
>;

/** A method for each HTTP method, typed by the API's paths, and its lists as async iterators. */
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
  /** The folders of a space: those of its root, or of `parent`. */
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

/** A problem that the service answered with. */
export class SpacesError extends Error {
  override readonly name = 'SpacesError';
  readonly code: ProblemCode;

  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
    this.code = problem.code;
  }
}

/** What the methods of the client give. */
type Answer<Data> = { response: Response } & (
  { data: Data; error?: never } | { data?: never; error: Problem }
);
type DataOf<Given> = Given extends { error: Problem }
  ? never
  : Given extends { data: infer Data }
    ? Data
    : never;

/**
 * @returns the body of an answer
 * @throws SpacesError when it is a problem
 */
export function unwrap<Given extends Answer<unknown>>(answer: Given): DataOf<Given>;
export function unwrap(answer: Answer<unknown>): unknown {
  if (answer.error === undefined) return answer.data;
  // What is not a problem came from something on the way to the service.
  if (!isProblem(answer.error)) throw new Error(`HTTP status ${answer.response.status}`);
  throw new SpacesError(answer.error);
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'code' in body && 'detail' in body;
}

/**
 * A client of the service. Each POST gets an Idempotency-Key, unless it brings one, so that it too
 * is sent again when the connection fails or the service asks to (`Retry-After`).
 */
export function createSpacesClient(options: SpacesClientOptions): SpacesClient {
  const { baseUrl, token, attempts = 5, fetch: send = fetch } = options;
  const client = createClient<paths>({
    baseUrl,
    fetch: (request) => sendRepeatedly(request, send, attempts),
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
      for await (const { namespaces } of walk(read)) yield* namespaces;
    },
    async *spaces(slug: string, query: ListQuery<'listSpaces'> = {}) {
      const read = (cursor: string) =>
        client.GET('/namespaces/{slug}/spaces', {
          params: { path: { slug }, query: { pageSize: PAGE_SIZE, ...query, cursor } },
        });
      for await (const { spaces } of walk(read)) yield* spaces;
    },
    async *members(slug: string, query: ListQuery<'listMembers'> = {}) {
      const read = (cursor: string) =>
        client.GET('/namespaces/{slug}/members', {
          params: { path: { slug }, query: { pageSize: PAGE_SIZE, ...query, cursor } },
        });
      for await (const { members } of walk(read)) yield* members;
    },
    async *folders(slug: string, projectSlug: string, query: ListQuery<'listFolders'> = {}) {
      const read = (cursor: string) =>
        client.GET('/namespaces/{slug}/projects/{projectSlug}/folders', {
          params: { path: { slug, projectSlug }, query: { pageSize: PAGE_SIZE, ...query, cursor } },
        });
      for await (const { folders } of walk(read)) yield* folders;
    },
    async *episodes(slug: string, projectSlug: string, query: ListQuery<'listEpisodes'> = {}) {
      const read = (cursor: string) =>
        client.GET('/namespaces/{slug}/projects/{projectSlug}/episodes', {
          params: { path: { slug, projectSlug }, query: { pageSize: PAGE_SIZE, ...query, cursor } },
        });
      for await (const { episodes } of walk(read)) yield* episodes;
    },
    async *assets(slug: string, projectSlug: string, query: ListQuery<'listAssets'> = {}) {
      const read = (cursor: string) =>
        client.GET('/namespaces/{slug}/projects/{projectSlug}/assets', {
          params: { path: { slug, projectSlug }, query: { pageSize: PAGE_SIZE, ...query, cursor } },
        });
      for await (const { assets } of walk(read)) yield* assets;
    },
  });
}

const PAGE_SIZE = 200;

/** Every part of a list, by cursor: what is there all the time comes once, whatever is written meanwhile. */
async function* walk<Part extends { nextCursor?: string | null }>(
  read: (cursor: string) => Promise<Answer<Part>>,
): AsyncGenerator<Part> {
  for (let cursor: string | null = 'start'; cursor !== null;) {
    const part: Part = unwrap(await read(cursor));
    yield part;
    cursor = part.nextCursor ?? null;
  }
}

/** Nothing is known of what became of a request without an answer; these may be sent again. */
function isRepeatable({ method, headers }: Request): boolean {
  return ['GET', 'HEAD', 'PUT'].includes(method) || headers.has('idempotency-key');
}

async function sendRepeatedly(
  request: Request,
  send: (request: Request) => Promise<Response>,
  attempts: number,
): Promise<Response> {
  const repeatable = isRepeatable(request);
  for (let attempt = 1; ; attempt += 1) {
    const last = attempt >= attempts;
    let seconds = 2 ** attempt / 10;
    try {
      const response = await send(request.clone());
      const asked = response.headers.get('retry-after');
      // 429 was not carried out, whatever the method.
      if (last || asked === null || !(repeatable || response.status === 429)) return response;
      seconds = Number(asked) || seconds;
      await response.body?.cancel();
    } catch (error) {
      if (last || !repeatable || request.signal.aborted) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}
