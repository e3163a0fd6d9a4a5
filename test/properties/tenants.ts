/** Commands of several tenants as requests, and responses and rows in the form of the model. */
import { asc, eq, like } from 'drizzle-orm';
import fc from 'fast-check';
import type { Database } from '../../src/db/client.js';
import { members } from '../../src/db/schema/members.js';
import { namespaces } from '../../src/db/schema/namespaces.js';
import { spaceCounters } from '../../src/db/schema/space-counters.js';
import { spaces } from '../../src/db/schema/spaces.js';
import type { Answer, Send } from '../helpers/app.js';
import { pick, pickString } from '../helpers/json.js';
import { Model } from './model.js';
import { type Command, isActive, slugsOf } from './model-state.js';

/** The command that the others vary: alice reads the namespace n0. */
export const baseCommand: Command = {
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
  process: 0,
};

/** The commands of the initial state: two tenants that are members of each other's namespace. */
export const initialCommands: Command[] = [
  { ...baseCommand, operation: 'createNamespace' },
  { ...baseCommand, operation: 'createNamespace', subject: 'bob', namespace: 'n1' },
  { ...baseCommand, operation: 'putMember', role: 'editor' },
  { ...baseCommand, operation: 'putMember', subject: 'bob', namespace: 'n1', member: 'alice' },
  { ...baseCommand, operation: 'createSpace' },
  { ...baseCommand, operation: 'createSpace', subject: 'bob', namespace: 'n1' },
];

/** Increases the number of concurrent requests on one resource. */
export function mostlyFirst([first = '', ...others]: string[]) {
  return fc.oneof({ weight: 3, arbitrary: fc.constant(first) }, fc.constantFrom(...others));
}

export function isOperation(name: string): name is Command['operation'] {
  return name in new Model().operations;
}

export function requestOf(command: Command): Send {
  const { operation, namespace, space, slug, text, member, role, page, pageSize } = command;
  const path = `/namespaces/${namespace}`;
  const query = `?page=${page}&pageSize=${pageSize}`;
  const item = `${path}/projects/${space}`;
  const renaming = slug === null ? {} : { body: { slug } };
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
    eraseNamespace: { method: 'DELETE', path: `${path}?permanent=true` },
    restoreNamespace: { method: 'POST', path: `${path}/restore`, ...renaming },
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
    eraseSpace: { method: 'DELETE', path: `${item}?permanent=true` },
    restoreSpace: { method: 'POST', path: `${item}/restore`, ...renaming },
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

/** @returns the ids of created resources, in the order of the request */
export function idsOf({ json }: Answer): string[] {
  const spaces = pick(json, 'spaces');
  return (Array.isArray(spaces) ? spaces : [json]).map((each: unknown) => String(pick(each, 'id')));
}

/** @returns the body without times, or the code of a problem */
export function bodyOf({ status, json, text }: Answer): unknown {
  if (status >= 400) return pick(json, 'code');
  if (text === '') return undefined;
  const body: unknown = JSON.parse(text, (key, value: unknown) =>
    /^(created|updated)At$/.test(key) ? undefined : value,
  );
  // The order of members added in one millisecond is undefined.
  const listed = pick(body, 'members');
  if (Array.isArray(listed)) listed.sort((a, b) => (subjectOf(a) < subjectOf(b) ? -1 : 1));
  return body;
}

function subjectOf(member: unknown): string {
  return pickString(member, 'subject');
}

/** @returns the rows of the namespaces of a run, in the form of `contentOfModel` */
export async function contentOf(db: Database, run: string) {
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
      const rows = await db.select().from(members).where(eq(members.namespaceId, id));
      return {
        ...{ id, slug, name, version, isDeleted: deletedAt !== null },
        counted: counters.reduce((sum, { active }) => sum + active, 0),
        members: rows.map(({ subject, role }) => `${subject}: ${role}`).sort(),
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

/** @returns the content of the model, in the form of `contentOf` */
export function contentOfModel(model: Model) {
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
