import * as api from './generated';
import { type Answer, authorization, namespace, origin, run } from './scenario';

api.defaults.baseUrl = origin;
api.defaults.headers = { authorization };

function answer(result: {
  status: number;
  data?: api.Space | api.Problem | null | undefined;
  headers: Headers;
}): Answer {
  const { status, data, headers } = result;
  const etag = headers.get('etag');
  if (data && 'code' in data) return { status, code: data.code, etag };
  return { status, slug: data?.slug, etag };
}

await run({
  async list(page, pageSize) {
    const result = await api.listSpaces(namespace, { page, pageSize });
    if (result.status !== 200) throw new Error(String(result.status));
    const { spaces, totalPages } = result.data;
    return { slugs: spaces.map(({ slug }) => slug), totalPages };
  },
  create: async (name) => answer(await api.createSpace(namespace, { name })),
  update: async (slug, name, ifMatch) =>
    answer(await api.updateSpace(namespace, slug, { name }, { ifMatch })),
  remove: async (slug) => answer(await api.deleteSpace(namespace, slug)),
  restore: async (slug) => answer(await api.restoreSpace(namespace, slug)),
});
