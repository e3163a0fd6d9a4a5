import createClient from 'openapi-fetch';
import type { components, paths } from './generated';
import { type Answer, assetAt, authorization, namespace, origin, run } from './scenario';

type Schemas = components['schemas'];

const api = createClient<paths>({ baseUrl: origin, headers: { authorization } });

function answer(result: {
  response: Response;
  data?: Schemas['Space'] | undefined;
  error?: Schemas['Problem'];
}): Answer<Schemas['ProblemCode']> {
  const { response, data, error } = result;
  return {
    status: response.status,
    etag: response.headers.get('etag'),
    id: data?.id,
    slug: data?.slug,
    description: data?.description,
    code: error?.code,
    paths: error?.errors?.map(({ path }) => path),
  };
}
const SPACE = '/namespaces/{slug}/projects/{projectSlug}';
const at = (projectSlug: string) => ({ slug: namespace, projectSlug });

await run(
  {
    async list(page, pageSize) {
      const { data, error } = await api.GET('/namespaces/{slug}/spaces', {
        params: { path: { slug: namespace }, query: { page, pageSize } },
      });
      if (error) throw new Error(error.code);
      return { slugs: data.spaces.map(({ slug }) => slug), totalPages: data.totalPages };
    },
    create: async (name, key) =>
      answer(
        await api.POST('/namespaces/{slug}/spaces', {
          params: { path: { slug: namespace }, header: { 'idempotency-key': key } },
          body: { name },
        }),
      ),
    update: async (slug, changes, ifMatch) =>
      answer(
        await api.PATCH('/namespaces/{slug}/projects/{projectSlug}', {
          params: { path: at(slug), header: { 'if-match': ifMatch } },
          body: changes,
        }),
      ),
    remove: async (slug) =>
      answer(
        await api.DELETE('/namespaces/{slug}/projects/{projectSlug}', {
          params: { path: at(slug) },
        }),
      ),
    restore: async (slug) =>
      answer(
        await api.POST('/namespaces/{slug}/projects/{projectSlug}/restore', {
          params: { path: at(slug) },
        }),
      ),
    recording: {
      async createFolder(space, path) {
        const { data, error } = await api.POST(`${SPACE}/folders`, {
          params: { path: at(space) },
          body: { path },
        });
        if (error) throw new Error(error.code);
        return { path: data.path };
      },
      async upsertEpisode(space, body) {
        const { response, data, error } = await api.POST(`${SPACE}/episodes`, {
          params: { path: at(space) },
          body,
        });
        return { status: response.status, state: data?.status, code: error?.code };
      },
      async createAssets(space, episode, paths) {
        const { data, error } = await api.POST(`${SPACE}/assets/batch`, {
          params: { path: at(space) },
          body: { assets: paths.map((path) => assetAt(path, episode)) },
        });
        if (error) throw new Error(error.code);
        return { paths: data.assets.map(({ path }) => path) };
      },
      async listAssets(space, episode) {
        const { data, error } = await api.GET(`${SPACE}/assets`, {
          params: { path: at(space), query: { episode } },
        });
        if (error) throw new Error(error.code);
        return { paths: data.assets.map(({ path }) => path) };
      },
      async protect(space, name) {
        const { data, error } = await api.PATCH(`${SPACE}/episodes/{name}`, {
          params: { path: { ...at(space), name } },
          body: { writeProtected: true },
        });
        if (error) throw new Error(error.code);
        return { isProtected: data.writeProtected };
      },
    },
  },
  {
    conflict: 'slug_conflict',
    invalid: 'validation_failed',
    stale: 'precondition_failed',
    gone: 'space_not_found',
    protected: 'write_protected',
  },
);
