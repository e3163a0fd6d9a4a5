import {
  Api,
  type Episode,
  EpisodeStatus,
  type HttpResponse,
  type Problem,
  ProblemCode,
  type Space,
} from './generated';
import { type Answer, assetAt, authorization, namespace, origin, run } from './scenario';

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
    remove: (slug) => answer(namespaces.deleteSpace(namespace, slug, {}, { format: 'json' })),
    restore: (slug) => answer(namespaces.restoreSpace(namespace, slug)),
    recording: {
      async createFolder(space, path) {
        const { data } = await namespaces.createFolder(namespace, space, { path });
        return { path: data.path };
      },
      async upsertEpisode(space, { status, ...episode }) {
        const state = status === 'completed' ? EpisodeStatus.Completed : EpisodeStatus.Running;
        const response = await namespaces
          .upsertEpisode(namespace, space, { ...episode, status: state })
          .catch((failure: HttpResponse<Episode, Problem>) => failure);
        const code = response.ok ? undefined : response.error.code;
        return {
          status: response.status,
          state: response.ok ? response.data.status : undefined,
          code,
        };
      },
      async createAssets(space, episode, paths) {
        const assets = paths.map((path) => assetAt(path, episode));
        const { data } = await namespaces.createAssets(namespace, space, { assets });
        return { paths: data.assets.map(({ path }) => path) };
      },
      async listAssets(space, episode) {
        const { data } = await namespaces.listAssets(namespace, space, { episode });
        return { paths: data.assets.map(({ path }) => path) };
      },
      async protect(space, episode) {
        const changes = { writeProtected: true };
        const { data } = await namespaces.updateEpisode(namespace, space, episode, changes);
        return { isProtected: data.writeProtected };
      },
    },
  },
  {
    conflict: ProblemCode.SlugConflict,
    invalid: ProblemCode.ValidationFailed,
    stale: ProblemCode.PreconditionFailed,
    gone: ProblemCode.SpaceNotFound,
    protected: ProblemCode.WriteProtected,
  },
);
