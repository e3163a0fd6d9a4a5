import * as api from './generated';
import { type Answer, authorization, namespace, origin, run } from './scenario';

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
  },
  {
    conflict: 'slug_conflict',
    invalid: 'validation_failed',
    stale: 'precondition_failed',
    gone: 'space_not_found',
  },
);
