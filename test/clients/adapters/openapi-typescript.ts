import createClient from 'openapi-fetch';
import type { components, paths } from './generated';
import { type Answer, authorization, namespace, origin, run } from './scenario';

const api = createClient<paths>({ baseUrl: origin, headers: { authorization } });

function answer(result: {
  response: Response;
  data?: components['schemas']['Space'] | undefined;
  error?: components['schemas']['Problem'];
}): Answer {
  const { response, data, error } = result;
  const etag = response.headers.get('etag');
  return { status: response.status, slug: data?.slug, code: error?.code, etag };
}
const at = (projectSlug: string) => ({ slug: namespace, projectSlug });

await run({
  async list(page, pageSize) {
    const { data, error } = await api.GET('/namespaces/{slug}/spaces', {
      params: { path: { slug: namespace }, query: { page, pageSize } },
    });
    if (error) throw new Error(error.code);
    return { slugs: data.spaces.map(({ slug }) => slug), totalPages: data.totalPages };
  },
  create: async (name) =>
    answer(
      await api.POST('/namespaces/{slug}/spaces', {
        params: { path: { slug: namespace } },
        body: { name },
      }),
    ),
  update: async (slug, name, ifMatch) =>
    answer(
      await api.PATCH('/namespaces/{slug}/projects/{projectSlug}', {
        params: { path: at(slug), header: { 'if-match': ifMatch } },
        body: { name },
      }),
    ),
  remove: async (slug) =>
    answer(
      await api.DELETE('/namespaces/{slug}/projects/{projectSlug}', { params: { path: at(slug) } }),
    ),
  restore: async (slug) =>
    answer(
      await api.POST('/namespaces/{slug}/projects/{projectSlug}/restore', {
        params: { path: at(slug) },
      }),
    ),
});
