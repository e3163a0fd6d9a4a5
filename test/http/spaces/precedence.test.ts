import t, { test } from 'tap';
import type { Client, Send } from '../../helpers/app.js';
import {
  assertProblem,
  CONFLICT,
  type ExpectedProblem,
  INVALID,
  NO_NAMESPACE,
  NO_SPACE,
  startSpaces,
} from '../../helpers/spaces.js';

const { service, owner, makeNamespace } = await startSpaces(t);

const NO_TOKEN: ExpectedProblem = [401, 'token_missing'];
const NO_SCOPE: ExpectedProblem = [403, 'insufficient_scope'];
const NO_ROLE: ExpectedProblem = [403, 'insufficient_role'];
const UNSUPPORTED: ExpectedProblem = [415, 'unsupported_media_type'];
const TOO_LARGE: ExpectedProblem = [413, 'body_too_large'];
const MALFORMED: ExpectedProblem = [400, 'malformed_body'];

const stranger = await service.as('stranger');
const viewer = await service.as('viewer');
const editor = await service.as('editor');
/** A token without a scope of these operations. */
const narrow = await service.as('owner', 'namespaces:read');

/** Makes a namespace with a viewer, an editor, the spaces `lab` and `taken`, and a deleted `taken`. */
async function seedNamespace() {
  const namespace = await makeNamespace();
  for (const role of ['viewer', 'editor']) {
    await owner.put(`${namespace.path}/members/${role}`, { role });
  }
  await namespace.create({ name: 'Taken' });
  await owner.delete(`${namespace.spaces}/taken`);
  for (const name of ['Lab', 'Taken']) await namespace.create({ name });
  return namespace;
}

interface Step {
  /** the caller; absent for a request without a token */
  caller?: Client;
  /** the slug of the space in the path */
  space?: string;
  body?: unknown;
  headers?: Record<string, string>;
  expected: ExpectedProblem;
  /** the paths in `errors` */
  paths?: string[];
}

const text = { 'content-type': 'text/plain' };
const large = `{"nonsense":"${'x'.repeat(65 * 1024)}"}`;
const conflict = { name: 'Taken', slug: 'taken' };

/** Each step corrects the error of the step before it, and nothing else. */
const bodies: Step[] = [
  { body: large, headers: text, expected: NO_TOKEN },
  { caller: narrow, body: large, headers: text, expected: NO_SCOPE },
  { caller: stranger, body: large, headers: text, expected: UNSUPPORTED },
  { caller: stranger, body: large, expected: TOO_LARGE },
  { caller: stranger, body: '{', expected: MALFORMED },
  { caller: stranger, body: { name: '' }, expected: INVALID, paths: ['/name'] },
  { caller: stranger, body: conflict, expected: NO_NAMESPACE },
  { caller: viewer, body: conflict, expected: NO_ROLE },
];

const operations: {
  title: string;
  method: Send['method'];
  /** the path after the namespace and the noun */
  path: (space: string) => string;
  steps: Step[];
}[] = [
  {
    title: 'list',
    method: 'GET',
    path: () => '?page=0',
    steps: [
      { expected: NO_TOKEN },
      { caller: narrow, expected: NO_SCOPE },
      { caller: stranger, expected: INVALID, paths: ['/page'] },
    ],
  },
  {
    title: 'list of a valid page',
    method: 'GET',
    path: () => '',
    steps: [{ caller: stranger, expected: NO_NAMESPACE }],
  },
  {
    title: 'create',
    method: 'POST',
    path: () => '',
    steps: [...bodies, { caller: editor, body: conflict, expected: CONFLICT }],
  },
  {
    title: 'batch',
    method: 'POST',
    path: () => '/batch',
    steps: [
      ...bodies.map((step) => ({
        ...step,
        ...(typeof step.body === 'object' && { body: { spaces: [step.body] } }),
        ...(step.paths && { paths: step.paths.map((path) => `/spaces/0${path}`) }),
      })),
      {
        caller: editor,
        body: { spaces: [conflict] },
        expected: CONFLICT,
        paths: ['/spaces/0/slug'],
      },
    ],
  },
  {
    title: 'ensure',
    method: 'PUT',
    path: (space) => `/${space}`,
    steps: [
      ...bodies
        .filter(({ body }) => body !== conflict)
        .map((step) => ({ ...step, space: 'NOWHERE' })),
      { caller: stranger, expected: INVALID, space: 'NOWHERE', paths: ['/projectSlug'] },
      { caller: stranger, expected: NO_NAMESPACE, space: 'taken' },
      { caller: viewer, expected: NO_ROLE, space: 'taken' },
      { caller: editor, expected: [412, 'precondition_failed'] as ExpectedProblem, space: 'taken' },
    ].map((step) => ({ body: { name: 'Any' }, headers: { 'if-none-match': '*' }, ...step })),
  },
  {
    title: 'update',
    method: 'PATCH',
    path: (space) => `/${space}`,
    steps: [
      ...bodies.map((step) => ({ ...step, space: 'nowhere' })),
      { caller: viewer, space: 'nowhere', body: {}, expected: NO_ROLE },
      { caller: editor, space: 'nowhere', body: conflict, expected: NO_SPACE },
      { caller: editor, space: 'lab', body: conflict, expected: CONFLICT },
    ],
  },
  {
    title: 'merge',
    method: 'PATCH',
    path: (space) => `/${space}`,
    steps: [
      { caller: stranger, body: { metadata: [] }, expected: INVALID, paths: ['/metadata'] },
      { caller: stranger, space: 'nowhere', expected: NO_NAMESPACE },
      { caller: viewer, space: 'nowhere', expected: NO_ROLE },
      { caller: editor, space: 'nowhere', expected: NO_SPACE },
      { caller: editor, space: 'lab', expected: CONFLICT },
    ].map((step) => ({
      body: { ...conflict, metadata: { a: 1 } },
      ...step,
      headers: { 'content-type': 'application/merge-patch+json' },
    })),
  },
  {
    title: 'get',
    method: 'GET',
    path: (space) => `/${space}`,
    steps: [
      { expected: NO_TOKEN },
      { caller: narrow, expected: NO_SCOPE },
      { caller: stranger, expected: NO_NAMESPACE },
      { caller: viewer, expected: NO_SPACE },
    ],
  },
  ...(
    [
      ['DELETE', ''],
      ['POST', '/restore'],
    ] as const
  ).map(([method, suffix]) => ({
    title: suffix === '' ? 'delete' : 'restore',
    method,
    path: (space: string) => `/${space}${suffix}`,
    steps: [
      { expected: NO_TOKEN },
      { caller: narrow, expected: NO_SCOPE },
      { caller: stranger, expected: NO_NAMESPACE },
      { caller: viewer, expected: NO_ROLE },
      { caller: editor, expected: NO_SPACE },
      ...(suffix === '' ? [] : [{ caller: editor, space: 'taken', expected: CONFLICT }]),
    ],
  })),
];

test('a request with several errors gets the first in the documented order, and writes nothing', async (t) => {
  const { path, list } = await seedNamespace();
  for (const { title, method, path: suffixOf, steps } of operations) {
    for (const noun of ['spaces', 'projects']) {
      for (const { caller = service, space = 'nowhere', expected, paths, body, headers } of steps) {
        const answer = await caller.send({
          method,
          path: `${path}/${noun}${suffixOf(space)}`,
          ...(body !== undefined && { body }),
          ...(headers && { headers }),
        });
        assertProblem(t, answer, expected, `${title}, ${noun}: ${expected.join(' ')}`, paths);
      }
    }
  }
  t.equal((await list()).total, 2, 'nothing was written');
});

test('the order of errors holds for invalid slugs and unknown namespaces', async (t) => {
  const { path } = await seedNamespace();
  assertProblem(
    t,
    await viewer.delete(`${path}/spaces/NO%00`),
    NO_ROLE,
    'the role precedes an invalid slug',
  );
  const answer = await stranger.post('/namespaces/NO%00/spaces', { name: '' });
  assertProblem(t, answer, INVALID, 'the body precedes an invalid slug of a namespace', ['/name']);
});
