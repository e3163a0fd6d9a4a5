import { type Static, type TSchema, Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import type { Test } from 'tap';
import type { ProblemCode } from '../../src/errors.js';
import { type Answer, type Client, type Service, startService } from './app.js';
import { isProblem } from './problem.js';

// The bodies of docs/api.md, defined independently of `src`: exactly these members.
const exactly = { additionalProperties: false };
const nullable = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

const itemProperties = {
  id: Type.String(),
  name: Type.String(),
  slug: Type.String(),
  description: nullable(Type.String()),
  tags: Type.Array(Type.String()),
};
const spaceProperties = {
  ...itemProperties,
  metadata: nullable(Type.Record(Type.String(), Type.Unknown())),
};

export const Space = Type.Object(spaceProperties, exactly);

export const SpaceDetails = Type.Object(
  {
    ...spaceProperties,
    namespace: Type.Object({ id: Type.String(), slug: Type.String() }, exactly),
    contents: Type.Object(
      { folders: Type.Integer(), episodes: Type.Integer(), assets: Type.Integer() },
      exactly,
    ),
    createdAt: Type.String(),
    updatedAt: Type.String(),
    version: Type.Integer(),
  },
  exactly,
);

export const SpaceList = Type.Object(
  {
    spaces: Type.Array(Type.Object(itemProperties, exactly)),
    page: Type.Integer(),
    pageSize: Type.Integer(),
    total: Type.Integer(),
    totalPages: Type.Integer(),
  },
  exactly,
);

const Violations = Type.Object({
  errors: Type.Optional(
    Type.Array(
      Type.Object(
        {
          path: Type.String(),
          code: Type.String({ minLength: 1 }),
          message: Type.String({ minLength: 1 }),
        },
        exactly,
      ),
    ),
  ),
});

/** @throws `Error` with the whole response, when its body does not match the schema */
export function read<Schema extends TSchema>(answer: Answer, schema: Schema): Static<Schema> {
  if (Value.Check(schema, answer.json)) return answer.json;
  throw new Error(`Unexpected body: ${answer.status} ${answer.text}`);
}

/** The body as JSON in the order of its keys, without the white space that PostgreSQL writes. */
export function canonical(answer: Answer): string {
  return JSON.stringify(answer.json);
}

/**
 * Asserts that a response is a problem with its documented status.
 *
 * @param paths the fields that its `errors` name, in order; none for a problem without `errors`
 */
export function assertProblem(
  t: Test,
  answer: Answer,
  [status, code]: ExpectedProblem,
  title: string,
  paths?: string[],
): void {
  isProblem(t, answer, code, title);
  const { errors } = read(answer, Violations);
  // A field may violate several rules.
  const named = errors && [...new Set(errors.map(({ path }) => path))];
  t.same({ status: answer.status, paths: named }, { status, paths }, `${title}: status and paths`);
}

export type ExpectedProblem = [status: number, code: ProblemCode];

/** Problems that several files expect. */
export const INVALID: ExpectedProblem = [400, 'validation_failed'];
export const NO_NAMESPACE: ExpectedProblem = [404, 'namespace_not_found'];
export const NO_SPACE: ExpectedProblem = [404, 'space_not_found'];
export const CONFLICT: ExpectedProblem = [409, 'slug_conflict'];

export interface Namespace {
  slug: string;
  /** the paths of its collection under both nouns, and its own */
  spaces: string;
  projects: string;
  path: string;
  /** creates a space as the owner */
  create: (fields: Partial<Static<typeof Space>>) => Promise<Static<typeof Space>>;
  /** the response of getSpace to the owner */
  details: (slug: string) => Promise<Static<typeof SpaceDetails>>;
  /** @param query such as `?page=2` */
  list: (query?: string) => Promise<Static<typeof SpaceList>>;
}

/** @returns the service, the owner of its namespaces, and a function that creates an empty namespace */
export async function startSpaces(t: Test): Promise<{
  service: Service;
  owner: Client;
  makeNamespace: () => Promise<Namespace>;
}> {
  const service = await startService(t);
  const owner = await service.as('owner');
  let namespaces = 0;
  return {
    service,
    owner,
    async makeNamespace() {
      const slug = `n${++namespaces}`;
      await owner.post('/namespaces', { slug });
      const path = `/namespaces/${slug}`;
      const spaces = `${path}/spaces`;
      return {
        slug,
        path,
        spaces,
        projects: `${path}/projects`,
        create: async (fields) => read(await owner.post(spaces, fields), Space),
        details: async (space) => read(await owner.get(`${spaces}/${space}`), SpaceDetails),
        list: async (query = '') => read(await owner.get(`${spaces}${query}`), SpaceList),
      };
    },
  };
}
