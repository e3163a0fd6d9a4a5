import { Api, type HttpResponse, type Problem, ProblemCode, type Space } from './generated';
import { type Answer, authorization, namespace, origin, run } from './scenario';

const { namespaces } = new Api({ baseUrl: origin, baseApiParams: { headers: { authorization } } });

async function answer(
  call: Promise<HttpResponse<Space | void, Problem>>,
): Promise<Answer<ProblemCode>> {
  // It throws the response of a failure.
  const response = await call.catch((failure: HttpResponse<Space | void, Problem>) => failure);
  const { status, headers, data, error } = response;
  return {
    status,
    etag: headers.get('etag'),
    id: data?.id,
    slug: data?.slug,
    description: data?.description,
    code: error?.code,
    paths: error?.errors?.map(({ path }) => path),
  };
}
// It knows no headers of an operation; those given take the place of the client's.
const withHeader = (name: string, value: string) => ({
  headers: { authorization, [name]: value },
});

await run(
  {
    async list(page, pageSize) {
      const { data } = await namespaces.listSpaces(namespace, { page, pageSize });
      return { slugs: data.spaces.map(({ slug }) => slug), totalPages: data.totalPages };
    },
    create: (name, key) =>
      answer(namespaces.createSpace(namespace, { name }, withHeader('idempotency-key', key))),
    update: (slug, changes, ifMatch) =>
      answer(namespaces.updateSpace(namespace, slug, changes, withHeader('if-match', ifMatch))),
    remove: (slug) => answer(namespaces.deleteSpace(namespace, slug, { format: 'json' })),
    restore: (slug) => answer(namespaces.restoreSpace(namespace, slug)),
  },
  {
    conflict: ProblemCode.SlugConflict,
    invalid: ProblemCode.ValidationFailed,
    stale: ProblemCode.PreconditionFailed,
    gone: ProblemCode.SpaceNotFound,
  },
);
