/** The resources of the model, and the rules that its operations share. */
import type { ProblemCode } from '../../src/errors.js';
import type { Role } from '../../src/repositories/access/principal.js';

/** One request; each operation uses some of its fields. */
export interface Command {
  operation: keyof typeof scopes;
  subject: string;
  /** the token's `scope` claim, undefined without one */
  scope: string | undefined;
  namespace: string;
  space: string;
  /** the slug of a created or renamed resource; null renames nothing */
  slug: string | null;
  /** the text to write; null writes nothing */
  text: string | null;
  member: string;
  role: Role;
  page: number;
  pageSize: number;
  /** the `Idempotency-Key` of a POST */
  key: string | undefined;
  /** the process that answers; no response depends on it */
  process: 0 | 1;
}

export interface Expected {
  status: number;
  /** the body without times; the code of a problem */
  body: unknown;
  /** the current slug, for a request by a former one */
  current?: Partial<Pick<Command, 'namespace' | 'space'>>;
}

export interface Entity {
  id: string;
  slug: string;
  version: number;
  /** the number of its deletion, null for an active one */
  deleted: number | null;
}

export interface Space extends Entity {
  name: string;
  description: string | null;
}

export interface Namespace extends Entity {
  name: string | null;
  members: Map<string, Role>;
  /** in order of creation */
  spaces: Space[];
  /** the renamed spaces by former slug */
  formerSlugs: Map<string, Space>;
  /** every text that was written in it */
  texts: string[];
}

export class ExpectedProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: ProblemCode,
    readonly current?: Expected['current'],
  ) {
    super(code);
  }
}

const ranks: Role[] = ['viewer', 'editor', 'owner'];

/** The scope that each operation requires. */
export const scopes = {
  listNamespaces: 'namespaces:read',
  createNamespace: 'namespaces:write',
  getNamespace: 'namespaces:read',
  updateNamespace: 'namespaces:write',
  deleteNamespace: 'namespaces:write',
  eraseNamespace: 'namespaces:write',
  restoreNamespace: 'namespaces:write',
  listMembers: 'namespaces:read',
  putMember: 'namespaces:write',
  removeMember: 'namespaces:write',
  listSpaces: 'spaces:read',
  createSpace: 'spaces:write',
  createSpaces: 'spaces:write',
  ensureSpace: 'spaces:write',
  getSpace: 'spaces:read',
  updateSpace: 'spaces:write',
  deleteSpace: 'spaces:write',
  eraseSpace: 'spaces:write',
  restoreSpace: 'spaces:write',
};

/** The namespace id of keys of `createNamespace`. */
export const NIL = '00000000-0000-0000-0000-000000000000';

/** @returns the identity of a saved response */
export function nameOf(
  namespaceId: string,
  { subject, key = '' }: Command,
  operation: string,
): string {
  return [namespaceId, subject, operation, key].join(' ');
}

export function isActive({ deleted }: Entity): boolean {
  return deleted === null;
}

export function expectRole(role: Role | undefined, needed: Role): void {
  if (role === undefined || ranks.indexOf(role) < ranks.indexOf(needed)) {
    throw new ExpectedProblem(403, 'insufficient_role');
  }
}

export function expectFree(entities: Entity[], slug: string): void {
  if (entities.some((each) => isActive(each) && each.slug === slug)) {
    throw new ExpectedProblem(409, 'slug_conflict');
  }
}

export function expectOtherOwner(members: Map<string, Role>, member: string): void {
  const remains = [...members].some(([subject, role]) => role === 'owner' && subject !== member);
  if (!remains) throw new ExpectedProblem(409, 'last_owner');
}

export function rename<Item extends Entity>(
  entity: Item,
  among: Item[],
  formerSlugs: Map<string, Item>,
  slug: string | null,
): void {
  if (slug === null || slug === entity.slug) return;
  expectFree(among, slug);
  formerSlugs.set(entity.slug, entity);
  entity.slug = slug;
}

/** @returns the problem of a missing space, with the current slug of the last one that had the slug */
export function noSpace({ formerSlugs }: Namespace, { space }: Command): ExpectedProblem {
  const former = formerSlugs.get(space);
  const current = former && isActive(former) ? { space: former.slug } : undefined;
  return new ExpectedProblem(404, 'space_not_found', current);
}

/** @returns the slugs of the spaces of a batch */
export function slugsOf({ slug, space }: Command): string[] {
  return [space, slug ?? `${space}-more`];
}

/** @returns the resource with the slug that was deleted last, or the active one */
export function toRestore<Item extends Entity>(entities: Item[], slug: string): Item | undefined {
  const [last] = entities
    .filter((each) => each.slug === slug)
    .sort((a, b) => (b.deleted ?? 0) - (a.deleted ?? 0));
  return last;
}

/** @returns the active resource with the slug, or else the one that was deleted last */
export function toErase<Item extends Entity>(entities: Item[], slug: string): Item | undefined {
  const active = entities.find((each) => isActive(each) && each.slug === slug);
  return active ?? toRestore(entities, slug);
}

/** Removes an entity, and the redirects of its former slugs. */
export function erase<Item extends Entity>(
  entity: Item,
  among: Item[],
  formerSlugs: Map<string, Item>,
): Expected {
  among.splice(among.indexOf(entity), 1);
  for (const [slug, holder] of formerSlugs) if (holder === entity) formerSlugs.delete(slug);
  return { status: 204, body: undefined };
}

export function restore(entity: Entity): void {
  if (isActive(entity)) return;
  entity.deleted = null;
  entity.version += 1;
}

export function shown({ id, slug, name, spaces }: Namespace) {
  return { id, slug, name, metadata: null, spaces: spaces.filter(isActive).length };
}

export function sixFields({ id, name, slug, description }: Space) {
  return { id, name, slug, description, tags: [name], metadata: { name } };
}

export function pageOf(key: string, all: unknown[], page: number, pageSize: number) {
  const from = (page - 1) * pageSize;
  return {
    [key]: all.slice(from, from + pageSize),
    page,
    pageSize,
    total: all.length,
    totalPages: Math.ceil(all.length / pageSize),
  };
}

/** Requests and their responses by key, subject and operation. */
export type SavedAnswers = Map<string, { asked: string; expected: Expected }>;

/** Removes the saved responses that show a resource, which an erasure removes too. */
export function dropAnswers(answers: SavedAnswers, { id }: Entity): void {
  for (const [name, { expected }] of answers) {
    if (JSON.stringify(expected.body).includes(id)) answers.delete(name);
  }
}

/** Has an effect once for a key, and returns the saved response to the same request. */
export function once(
  answers: SavedAnswers,
  { key }: Command,
  name: string,
  request: (string | null)[],
  effect: () => Expected,
): Expected {
  if (key === undefined) return effect();
  const asked = JSON.stringify(request);
  const earlier = answers.get(name);
  if (earlier && earlier.asked !== asked) throw new ExpectedProblem(422, 'idempotency_key_reused');
  const expected = earlier?.expected ?? effect();
  answers.set(name, { asked, expected });
  return expected;
}

/** @returns the caller's role in the namespace, undefined for a non-member */
export function roleIn({ members }: Namespace, { scope, subject }: Command): Role | undefined {
  return scope?.split(' ').includes('admin') ? 'owner' : members.get(subject);
}

export function newSpace(id: string, slug: string, name: string): Space {
  return { id, slug, name, description: null, version: 1, deleted: null };
}

/** @param deletion orders deletions */
export function remove(entity: Entity, deletion: number): Expected {
  entity.deleted = deletion;
  entity.version += 1;
  return { status: 204, body: undefined };
}
