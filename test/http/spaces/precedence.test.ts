import t, { test } from 'tap';
import type { Client, Send } from '../../helpers/app.js';
import {
  assertProblem,
  CONFLICT,
  INVALID,
  NO_NAMESPACE,
  NO_SPACE,
  type Refusal,
  startSpaces,
} from '../../helpers/spaces.js';

const { service, owner, makeNamespace } = await startSpaces(t);

const NO_TOKEN: Refusal = [401, 'token_missing'];
const NO_SCOPE: Refusal = [403, 'insufficient_scope'];
const NO_ROLE: Refusal = [403, 'insufficient_role'];
const UNSUPPORTED: Refusal = [415, 'unsupported_media_type'];
const TOO_LARGE: Refusal = [413, 'body_too_large'];
const MALFORMED: Refusal = [400, 'malformed_body'];

const stranger = await service.as('stranger');
const viewer = await service.as('viewer');
const editor = await service.as('editor');
/** A token that is good for nothing here. */
const narrow = await service.as('owner', 'namespaces:read');

/** A namespace with a viewer, an editor, the spaces `lab` and `taken`, and a deleted `taken`. */
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
  refusal: Refusal;
  /** the paths in `errors` */
  paths?: string[];
}

const text = { 'content-type': 'text/plain' };
const large = `{"nonsense":"${'x'.repeat(65 * 1024)}"}`;
const conflict = { name: 'Taken', slug: 'taken' };

/** Each step corrects the error of the step before it, and nothing else. */
const bodies: Step[] = [
  { body: large, headers: text, refusal: NO_TOKEN },
  { caller: narrow, body: large, headers: text, refusal: NO_SCOPE },
  { caller: stranger, body: large, headers: text, refusal: UNSUPPORTED },
  { caller: stranger, body: large, refusal: TOO_LARGE },
  { caller: stranger, body: '{', refusal: MALFORMED },
  { caller: stranger, body: { name: '' }, refusal: INVALID, paths: ['/name'] },
  { caller: stranger, body: conflict, refusal: NO_NAMESPACE },
  { caller: viewer, body: conflict, refusal: NO_ROLE },
];

const operations: {
  title: string;
  method: Send['method'];
  /** behind the path of the namespace and the noun */
  path: (space: string) => string;
  steps: Step[];
}[] = [
  {
    title: 'list',
    method: 'GET',
    path: () => '?page=0',
    steps: [
      { refusal: NO_TOKEN },
      { caller: narrow, refusal: NO_SCOPE },
      { caller: stranger, refusal: INVALID, paths: ['/page'] },
    ],
  },
  {
    title: 'list of a valid page',
    method: 'GET',
    path: () => '',
    steps: [{ caller: stranger, refusal: NO_NAMESPACE }],
  },
  {
    title: 'create',
    method: 'POST',
    path: () => '',
    steps: [...bodies, { caller: editor, body: conflict, refusal: CONFLICT }],
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
        refusal: CONFLICT,
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
      { caller: stranger, refusal: INVALID, space: 'NOWHERE', paths: ['/projectSlug'] },
      { caller: stranger, refusal: NO_NAMESPACE, space: 'taken' },
      { caller: viewer, refusal: NO_ROLE, space: 'taken' },
      { caller: editor, refusal: [412, 'precondition_failed'] as Refusal, space: 'taken' },
    ].map((step) => ({ body: { name: 'Any' }, headers: { 'if-none-match': '*' }, ...step })),
  },
  {
    title: 'update',
    method: 'PATCH',
    path: (space) => `/${space}`,
    steps: [
      ...bodies.map((step) => ({ ...step, space: 'nowhere' })),
      { caller: viewer, space: 'nowhere', body: {}, refusal: NO_ROLE },
      { caller: editor, space: 'nowhere', body: conflict, refusal: NO_SPACE },
      { caller: editor, space: 'lab', body: conflict, refusal: CONFLICT },
    ],
  },
  {
    title: 'merge',
    method: 'PATCH',
    path: (space) => `/${space}`,
    steps: [
      { caller: stranger, body: { metadata: [] }, refusal: INVALID, paths: ['/metadata'] },
      { caller: stranger, space: 'nowhere', refusal: NO_NAMESPACE },
      { caller: viewer, space: 'nowhere', refusal: NO_ROLE },
      { caller: editor, space: 'nowhere', refusal: NO_SPACE },
      { caller: editor, space: 'lab', refusal: CONFLICT },
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
      { refusal: NO_TOKEN },
      { caller: narrow, refusal: NO_SCOPE },
      { caller: stranger, refusal: NO_NAMESPACE },
      { caller: viewer, refusal: NO_SPACE },
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
      { refusal: NO_TOKEN },
      { caller: narrow, refusal: NO_SCOPE },
      { caller: stranger, refusal: NO_NAMESPACE },
      { caller: viewer, refusal: NO_ROLE },
      { caller: editor, refusal: NO_SPACE },
      ...(suffix === '' ? [] : [{ caller: editor, space: 'taken', refusal: CONFLICT }]),
    ],
  })),
];

test('of several errors the first in the documented order is returned', async (t) => {
  const { path, list } = await seedNamespace();
  for (const { title, method, path: behind, steps } of operations) {
    for (const noun of ['spaces', 'projects']) {
      for (const { caller = service, space = 'nowhere', refusal, paths, body, headers } of steps) {
        const answer = await caller.send({
          method,
          path: `${path}/${noun}${behind(space)}`,
          ...(body !== undefined && { body }),
          ...(headers && { headers }),
        });
        assertProblem(t, answer, refusal, `${title}, ${noun}: ${refusal.join(' ')}`, paths);
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
    'role before an impossible slug',
  );
  const answer = await stranger.post('/namespaces/NO%00/spaces', { name: '' });
  assertProblem(t, answer, INVALID, 'body before an impossible namespace', ['/name']);
});
