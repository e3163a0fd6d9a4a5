import * as api from './generated';
import { client } from './generated/client.gen';
import { type Answer, assetAt, authorization, namespace, origin, run } from './scenario';

client.setConfig({ baseUrl: origin, headers: { authorization } });

function answer(result: {
  response?: Response;
  data?: api.Space | void | null | undefined;
  error?: api.Problem | undefined;
}): Answer<api.ProblemCode> {
  const { response, data, error } = result;
  if (!response) throw new Error('no response');
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
const at = (projectSlug: string) => ({ path: { slug: namespace, projectSlug } });

await run(
  {
    async list(page, pageSize) {
      const path = { slug: namespace };
      const { data } = await api.listSpaces({
        path,
        query: { page, pageSize },
        throwOnError: true,
      });
      return { slugs: data.spaces.map(({ slug }) => slug), totalPages: data.totalPages };
    },
    create: async (name, key) =>
      answer(
        await api.createSpace({
          path: { slug: namespace },
          headers: { 'idempotency-key': key },
          body: { name },
        }),
      ),
    update: async (slug, changes, ifMatch) =>
      answer(
        await api.updateSpace({ ...at(slug), body: changes, headers: { 'if-match': ifMatch } }),
      ),
    remove: async (slug) => {
      const { error, response } = await api.deleteSpace(at(slug));
      return answer({ error, response });
    },
    restore: async (slug) => answer(await api.restoreSpace(at(slug))),
    recording: {
      async createFolder(space, path) {
        const { data } = await api.createFolder({
          ...at(space),
          body: { path },
          throwOnError: true,
        });
        return { path: data.path };
      },
      async upsertEpisode(space, body) {
        const { response, data, error } = await api.upsertEpisode({ ...at(space), body });
        if (!response) throw new Error('no response');
        return { status: response.status, state: data?.status, code: error?.code };
      },
      async createAssets(space, episode, paths) {
        const { data } = await api.createAssets({
          ...at(space),
          body: { assets: paths.map((path) => assetAt(path, episode)) },
          throwOnError: true,
        });
        return { paths: data.assets.map(({ path }) => path) };
      },
      async listAssets(space, episode) {
        const { data } = await api.listAssets({
          ...at(space),
          query: { episode },
          throwOnError: true,
        });
        return { paths: data.assets.map(({ path }) => path) };
      },
      async protect(space, name) {
        const { data } = await api.updateEpisode({
          path: { ...at(space).path, name },
          body: { writeProtected: true },
          throwOnError: true,
        });
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
