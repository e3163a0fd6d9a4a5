import { Api, type HttpResponse, type Problem, type Space } from './generated';
import { type Answer, authorization, namespace, origin, run } from './scenario';

const { namespaces } = new Api({ baseUrl: origin, baseApiParams: { headers: { authorization } } });

async function answer(call: Promise<HttpResponse<Space | void, Problem>>): Promise<Answer> {
  // It throws the response of a failure.
  const response = await call.catch((failure: HttpResponse<Space | void, Problem>) => failure);
  const { status, headers, data, error } = response;
  return { status, slug: data?.slug, code: error?.code, etag: headers.get('etag') };
}

await run({
  async list(page, pageSize) {
    const { data } = await namespaces.listSpaces(namespace, { page, pageSize });
    return { slugs: data.spaces.map(({ slug }) => slug), totalPages: data.totalPages };
  },
  create: (name) => answer(namespaces.createSpace(namespace, { name })),
  update: (slug, name, ifMatch) =>
    answer(
      namespaces.updateSpace(
        namespace,
        slug,
        { name },
        { headers: { authorization, 'if-match': ifMatch } },
      ),
    ),
  remove: (slug) => answer(namespaces.deleteSpace(namespace, slug, { format: 'json' })),
  restore: (slug) => answer(namespaces.restoreSpace(namespace, slug)),
});
