/**
 * Several tenants with their members, roles and scopes do one thing after another. Each answer and all
 * that the database holds are as a simple model has them, and nothing tells a stranger that a namespace
 * exists.
 */
import { deepStrictEqual as deepEqual } from 'node:assert';
import { asc, eq, like } from 'drizzle-orm';
import fc from 'fast-check';
import { test } from 'tap';
import type { Database } from '../../src/db/client.js';
import { idempotencyKeys } from '../../src/db/schema/idempotency-keys.js';
import { members } from '../../src/db/schema/members.js';
import { namespaces } from '../../src/db/schema/namespaces.js';
import { spaceCounters } from '../../src/db/schema/space-counters.js';
import { spaces } from '../../src/db/schema/spaces.js';
import type { Answer, Send } from '../helpers/app.js';
import { pick, pickString } from '../helpers/json.js';
import { startCounted } from '../helpers/proxy.js';
import { type Command, isActive, Model, slugsOf } from './model.js';
import { parameters } from './parameters.js';

const RUNS = 100;
const SLUGS = ['n0', 'n1', 'n2'];
const NO_SLUG = 'zz';
const SPACES = ['s0', 's1', 's2'];
const TENANTS = ['alice', 'bob', 'carol'];

const nothing: Command = {
  operation: 'getNamespace',
  subject: 'alice',
  scope: undefined,
  namespace: 'n0',
  space: 's0',
  slug: null,
  text: '',
  member: 'bob',
  role: 'viewer',
  page: 1,
  pageSize: 1,
  key: undefined,
};

/** Two tenants who have let one another in, to begin with. */
const founding: Command[] = [
  { ...nothing, operation: 'createNamespace' },
  { ...nothing, operation: 'createNamespace', subject: 'bob', namespace: 'n1' },
  { ...nothing, operation: 'putMember', role: 'editor' },
  { ...nothing, operation: 'putMember', subject: 'bob', namespace: 'n1', member: 'alice' },
  { ...nothing, operation: 'createSpace' },
  { ...nothing, operation: 'createSpace', subject: 'bob', namespace: 'n1' },
];

const commands = fc.array(
  fc.record<Command>({
    operation: fc.oneof(
      fc.constantFrom(...Object.keys(new Model().operations).filter(isOperation)),
      fc.constantFrom('createNamespace', 'createSpace', 'restoreSpace', 'restoreNamespace'),
    ),
    subject: mostlyFirst(TENANTS),
    scope: fc.oneof(
      { weight: 12, arbitrary: fc.constant(undefined) },
      {
        weight: 2,
        arbitrary: fc.constantFrom(
          'admin',
          '',
          'spaces:read',
          'spaces:write spaces:read',
          'namespaces:read',
          'namespaces:write unknown',
        ),
      },
    ),
    namespace: mostlyFirst(SLUGS),
    space: mostlyFirst(SPACES),
    slug: fc.option(fc.constantFrom(...SPACES, ...SLUGS), { freq: 2 }),
    text: fc.option(fc.constant('')),
    member: fc.constantFrom(...TENANTS),
    role: fc.constantFrom('viewer', 'editor', 'owner'),
    page: fc.integer({ min: 1, max: 3 }),
    pageSize: fc.integer({ min: 1, max: 3 }),
    key: fc.option(fc.constantFrom('k0', 'k1'), { nil: undefined, freq: 2 }),
  }),
  { maxLength: 120, size: 'max' },
);

/** So that requests meet more often. */
function mostlyFirst([first = '', ...others]: string[]) {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(first) }, fc.constantFrom(...others));
}

function isOperation(name: string): name is Command['operation'] {
  return name in new Model().operations;
}

test('tenants see their own and nothing else, and the database holds what they wrote', async (t) => {
  const settings = parameters(t, RUNS);
  const { service, proxy } = await startCounted(t);
  const figures = { requests: 0, replayed: 0, led: 0, hidden: 0 };
  const statuses = new Map<number, number>();
  let runs = 0;

  const property = fc.asyncProperty(commands, async (drawn) => {
    // Namespaces and subjects of its own for each run: what came before makes no difference.
    const run = `r${(runs += 1)}`;
    const own = (name: string) => `${run}-${name}`;
    const model = new Model();
    let texts = 0;

    for (const each of [...founding, ...drawn]) {
      const within = /Space/.test(each.operation);
      const command: Command = {
        ...each,
        subject: own(each.subject),
        member: own(each.member),
        namespace: own(each.namespace),
        slug: each.slug && (within ? each.slug : own(each.slug)),
        // What is asked again with a key is to be the same.
        text:
          each.text === null ? null : `text ${run} ${each.subject} ${each.key ?? (texts += 1)}.`,
      };
      const caller = await service.as(command.subject, command.scope);
      const ask = (asked: Command) => proxy.count(() => caller.send(requestOf(asked)));
      const { result: answer, statements } = await ask(command);
      figures.requests += 1;
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);

      const secrets = secretsFrom(model, command);
      const { present, ...expected } = model.answer(command, idsOf(answer));
      deepEqual({ status: answer.status, body: bodyOf(answer) }, expected, JSON.stringify(command));
      const { location } = answer.headers;
      if (answer.status === 308) {
        figures.led += 1;
        deepEqual(location, requestOf({ ...command, ...present }).path, JSON.stringify(command));
      } else if (present) {
        const detail = pickString(answer.json, 'detail');
        const [slug] = Object.values(present);
        if (!detail.includes(`"${slug}"`)) throw new Error(`Does not name "${slug}": ${detail}`);
      }
      const isReplayed = answer.headers['idempotent-replayed'] === 'true';
      if (isReplayed) figures.replayed += 1;
      // It is what this caller was answered before.
      const shown = isReplayed ? '' : `${answer.text} ${String(location)}`;
      for (const secret of secrets) {
        if (shown.includes(secret)) throw new Error(`Another tenant's data: ${shown}`);
      }
      if (expected.body === 'namespace_not_found' && !present) {
        figures.hidden += 1;
        const missing = await ask({ ...command, namespace: own(NO_SLUG) });
        const rename = (text: string) => text.replaceAll(own(NO_SLUG), command.namespace);
        deepEqual(
          { statements, text: answer.text, headers: lasting(answer), status: answer.status },
          {
            statements: missing.statements,
            text: rename(missing.result.text),
            headers: lasting(missing.result),
            status: missing.result.status,
          },
          `a 404 that tells: ${JSON.stringify(command)}`,
        );
      }
    }
    deepEqual(await contentOf(service.db, run), modelled(model));
    deepEqual(await keysOf(service.db, run), [...model.answers.keys()].sort());
  });
  await fc.assert(property, settings);
  t.comment(
    `${runs} runs, ${figures.requests} requests as the model has them, ${figures.replayed} replayed, ${figures.led} led on, ${figures.hidden} times 404 as for a namespace that never was; by status: ${[
      ...statuses,
    ]
      .sort(([a], [b]) => a - b)
      .map(([status, count]) => `${status}: ${count}`)
      .join(', ')}`,
  );
});

/** What is in namespaces that the caller has no part in, in no other, and not in the request. */
function secretsFrom(model: Model, command: Command): string[] {
  const open = model.namespaces.filter((each) => model.roleIn(each, command));
  const visible = new Set(open.flatMap(({ texts }) => texts));
  return model.namespaces
    .filter((each) => !open.includes(each))
    .flatMap(({ id, texts }) => [id, ...texts])
    .filter((text) => !visible.has(text) && text !== command.text);
}

function requestOf(command: Command): Send {
  const { operation, namespace, space, slug, text, member, role, page, pageSize } = command;
  const path = `/namespaces/${namespace}`;
  const query = `?page=${page}&pageSize=${pageSize}`;
  const item = `${path}/projects/${space}`;
  const requests: Record<Command['operation'], Send> = {
    listNamespaces: { method: 'GET', path: `/namespaces${query}` },
    createNamespace: {
      method: 'POST',
      path: '/namespaces',
      body: { slug: slug ?? namespace, name: text },
    },
    getNamespace: { method: 'GET', path },
    updateNamespace: {
      method: 'PATCH',
      path,
      body: { ...(slug !== null && { slug }), ...(text !== null && { name: text }) },
    },
    deleteNamespace: { method: 'DELETE', path },
    restoreNamespace: { method: 'POST', path: `${path}/restore` },
    listMembers: { method: 'GET', path: `${path}/members` },
    putMember: { method: 'PUT', path: `${path}/members/${member}`, body: { role } },
    removeMember: { method: 'DELETE', path: `${path}/members/${member}` },
    listSpaces: { method: 'GET', path: `${path}/spaces${query}` },
    createSpace: { method: 'POST', path: `${path}/spaces`, body: newSpace(slug ?? space, text) },
    createSpaces: {
      method: 'POST',
      path: `${path}/spaces/batch`,
      body: { spaces: slugsOf(command).map((each) => newSpace(each, text)) },
    },
    ensureSpace: { method: 'PUT', path: item, body: ensuredSpace(text) },
    getSpace: { method: 'GET', path: item },
    updateSpace: {
      method: 'PATCH',
      path: item,
      body: { ...(slug !== null && { slug }), ...(text !== null && { description: text }) },
    },
    deleteSpace: { method: 'DELETE', path: item },
    restoreSpace: { method: 'POST', path: `${item}/restore` },
  };
  const request = requests[operation];
  const isKeyed = request.method === 'POST' && command.key !== undefined;
  return { ...request, ...(isKeyed && { headers: { 'idempotency-key': command.key ?? '' } }) };
}

function newSpace(slug: string, text: string | null) {
  return { ...ensuredSpace(text), slug };
}

function ensuredSpace(text: string | null) {
  const name = text ?? 'A space';
  return { name, tags: [name], metadata: { name } };
}

/** The ids of what may have been created, in the order it was asked for. */
function idsOf({ json }: Answer): string[] {
  const spaces = pick(json, 'spaces');
  return (Array.isArray(spaces) ? spaces : [json]).map((each: unknown) => String(pick(each, 'id')));
}

/** The body without moments; of a problem, its code. */
function bodyOf({ status, json, text }: Answer): unknown {
  if (status >= 400) return pick(json, 'code');
  if (text === '') return undefined;
  const body: unknown = JSON.parse(text, (key, value: unknown) =>
    /^(created|updated)At$/.test(key) ? undefined : value,
  );
  // Those added within one millisecond are in no order that the model could know.
  const people = pick(body, 'members');
  if (Array.isArray(people)) people.sort((a, b) => (subjectOf(a) < subjectOf(b) ? -1 : 1));
  return body;
}

function subjectOf(member: unknown): string {
  return pickString(member, 'subject');
}

/** The headers that do not differ from one request to the next by themselves. */
function lasting({ headers }: Answer) {
  return Object.entries(headers).filter(([name]) => name !== 'x-request-id' && name !== 'date');
}

/** All that the database holds of the namespaces of a run, in the form of `modelled`. */
async function contentOf(db: Database, run: string) {
  const found = await db
    .select()
    .from(namespaces)
    .where(like(namespaces.slug, `${run}-%`))
    .orderBy(asc(namespaces.id));
  return Promise.all(
    found.map(async ({ id, slug, name, version, deletedAt }) => {
      const inside = await db
        .select()
        .from(spaces)
        .where(eq(spaces.namespaceId, id))
        .orderBy(asc(spaces.id));
      const counters = await db
        .select()
        .from(spaceCounters)
        .where(eq(spaceCounters.namespaceId, id));
      const people = await db.select().from(members).where(eq(members.namespaceId, id));
      return {
        ...{ id, slug, name, version, isDeleted: deletedAt !== null },
        counted: counters.reduce((sum, { active }) => sum + active, 0),
        members: people.map(({ subject, role }) => `${subject}: ${role}`).sort(),
        spaces: inside.map((space) => ({
          ...{ id: space.id, slug: space.slug, version: space.version },
          ...{ name: space.name, description: space.description },
          ...{ tags: space.tags, metadata: space.metadata },
          isDeleted: space.deletedAt !== null,
        })),
      };
    }),
  );
}

async function keysOf(db: Database, run: string): Promise<string[]> {
  const kept = await db
    .select()
    .from(idempotencyKeys)
    .where(like(idempotencyKeys.subject, `${run}-%`));
  return kept
    .map(({ namespaceId, subject, operation, key }) =>
      [namespaceId, subject, operation, key].join(' '),
    )
    .sort();
}

function modelled(model: Model) {
  return model.namespaces.map(({ id, slug, name, version, deleted, members, spaces }) => ({
    ...{ id, slug, name, version, isDeleted: deleted !== null },
    counted: spaces.filter(isActive).length,
    members: Array.from(members, ([subject, role]) => `${subject}: ${role}`).sort(),
    spaces: spaces.map((space) => ({
      ...{ id: space.id, slug: space.slug, version: space.version },
      ...{ name: space.name, description: space.description },
      ...{ tags: [space.name], metadata: { name: space.name } },
      isDeleted: space.deleted !== null,
    })),
  }));
}
