import * as api from './generated';
import { client } from './generated/client.gen';
import { type Answer, authorization, namespace, origin, run } from './scenario';

client.setConfig({ baseUrl: origin, headers: { authorization } });

function answer(result: {
  response?: Response;
  data?: api.Space | void | null | undefined;
  error?: api.Problem | undefined;
}): Answer {
  const { response, data, error } = result;
  if (!response) throw new Error('no response');
  const etag = response.headers.get('etag');
  return { status: response.status, slug: data?.slug, code: error?.code, etag };
}
const at = (projectSlug: string) => ({ path: { slug: namespace, projectSlug } });

await run({
  async list(page, pageSize) {
    const path = { slug: namespace };
    const { data } = await api.listSpaces({ path, query: { page, pageSize }, throwOnError: true });
    return { slugs: data.spaces.map(({ slug }) => slug), totalPages: data.totalPages };
  },
  create: async (name) =>
    answer(await api.createSpace({ path: { slug: namespace }, body: { name } })),
  update: async (slug, name, ifMatch) =>
    answer(
      await api.updateSpace({ ...at(slug), body: { name }, headers: { 'if-match': ifMatch } }),
    ),
  remove: async (slug) => answer(await api.deleteSpace(at(slug))),
  restore: async (slug) => answer(await api.restoreSpace(at(slug))),
});
