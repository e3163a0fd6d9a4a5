import * as api from './generated';
import { type Answer, assetAt, authorization, namespace, origin, run } from './scenario';

api.defaults.baseUrl = origin;
api.defaults.headers = { authorization };

function answer(result: {
  status: number;
  data?: api.Space | api.Problem | null | undefined;
  headers: Headers;
}): Answer<api.ProblemCode> {
  const { status, data, headers } = result;
  const etag = headers.get('etag');
  if (data && 'code' in data) {
    return { status, etag, code: data.code, paths: data.errors?.map(({ path }) => path) };
  }
  return { status, etag, id: data?.id, slug: data?.slug, description: data?.description };
}

await run(
  {
    async list(page, pageSize) {
      const result = await api.listSpaces(namespace, { page, pageSize });
      if (result.status !== 200) throw new Error(String(result.status));
      const { spaces, totalPages } = result.data;
      return { slugs: spaces.map(({ slug }) => slug), totalPages };
    },
    create: async (name, idempotencyKey) =>
      answer(await api.createSpace(namespace, { name }, { idempotencyKey })),
    update: async (slug, changes, ifMatch) =>
      answer(await api.updateSpace(namespace, slug, changes, { ifMatch })),
    remove: async (slug) => answer(await api.deleteSpace(namespace, slug)),
    restore: async (slug) => answer(await api.restoreSpace(namespace, slug)),
    recording: {
      async createFolder(space, path) {
        const result = await api.createFolder(namespace, space, { path });
        if (result.status !== 201) throw new Error(String(result.status));
        return { path: result.data.path };
      },
      async upsertEpisode(space, episode) {
        const { status, data } = await api.upsertEpisode(namespace, space, episode);
        return 'code' in data
          ? { status, state: undefined, code: data.code }
          : { status, state: data.status, code: undefined };
      },
      async createAssets(space, episode, paths) {
        const assets = paths.map((path) => assetAt(path, episode));
        const result = await api.createAssets(namespace, space, { assets });
        if (result.status !== 201) throw new Error(String(result.status));
        return { paths: result.data.assets.map(({ path }) => path) };
      },
      async listAssets(space, episode) {
        const result = await api.listAssets(namespace, space, { episode });
        if (result.status !== 200) throw new Error(String(result.status));
        return { paths: result.data.assets.map(({ path }) => path) };
      },
      async protect(space, episode) {
        const changes = { writeProtected: true };
        const result = await api.updateEpisode(namespace, space, episode, changes);
        if (result.status !== 200) throw new Error(String(result.status));
        return { isProtected: result.data.writeProtected };
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
