/** The resources of the model, and the rules that its operations share. */
import type { ProblemCode } from '../../src/errors.js';
import type { Role } from '../../src/repositories/access/principal.js';

/** One request; each operation makes use of what it needs. */
export interface Command {
  operation: keyof typeof scopes;
  subject: string;
  /** the token's `scope` claim, undefined without one */
  scope: string | undefined;
  namespace: string;
  space: string;
  /** what is created or renamed gets this slug; null renames nothing */
  slug: string | null;
  /** what is written; null writes nothing */
  text: string | null;
  member: string;
  role: Role;
  page: number;
  pageSize: number;
  /** the `Idempotency-Key` of a POST */
  key: string | undefined;
  /** which of two processes answers; no answer depends on it */
  process: 0 | 1;
}

export interface Expected {
  status: number;
  /** without moments; of a problem, its code */
  body: unknown;
  /** by what the same is found now, where it was asked for by a slug that was given up */
  present?: Partial<Pick<Command, 'namespace' | 'space'>>;
}

export interface Entity {
  id: string;
  slug: string;
  version: number;
  /** when it was deleted, null while it is not */
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
  /** by slug, which of its spaces had it last and was renamed */
  formerly: Map<string, Space>;
  /** every text ever written in it */
  texts: string[];
}

export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: ProblemCode,
    readonly present?: Expected['present'],
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
  restoreSpace: 'spaces:write',
};

/** Where keys of requests lie that are about no namespace yet. */
export const NIL = '00000000-0000-0000-0000-000000000000';

/** By what an answer is known that was given to a request with a key. */
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
    throw new Refusal(403, 'insufficient_role');
  }
}

export function expectFree(entities: Entity[], slug: string): void {
  if (entities.some((each) => isActive(each) && each.slug === slug)) {
    throw new Refusal(409, 'slug_conflict');
  }
}

export function expectOtherOwner(members: Map<string, Role>, member: string): void {
  const remains = [...members].some(([subject, role]) => role === 'owner' && subject !== member);
  if (!remains) throw new Refusal(409, 'last_owner');
}

export function rename<Item extends Entity>(
  entity: Item,
  among: Item[],
  formerly: Map<string, Item>,
  slug: string | null,
): void {
  if (slug === null || slug === entity.slug) return;
  expectFree(among, slug);
  formerly.set(entity.slug, entity);
  entity.slug = slug;
}

/** Names the space that had the slug last, when there is none that has it. */
export function noSpace({ formerly }: Namespace, { space }: Command): Refusal {
  const former = formerly.get(space);
  const present = former && isActive(former) ? { space: former.slug } : undefined;
  return new Refusal(404, 'space_not_found', present);
}

/** What the spaces of a batch are to be called. */
export function slugsOf({ slug, space }: Command): string[] {
  return [space, slug ?? `${space}-more`];
}

/** The last deleted of those that had the slug, or else the one that has it. */
export function toRestore<Item extends Entity>(entities: Item[], slug: string): Item | undefined {
  const [last] = entities
    .filter((each) => each.slug === slug)
    .sort((a, b) => (b.deleted ?? 0) - (a.deleted ?? 0));
  return last;
}

export function restore(entity: Entity): void {
  if (isActive(entity)) return;
  entity.deleted = null;
  entity.version += 1;
}

export function shown({ id, slug, name, spaces }: Namespace) {
  return { id, slug, name, metadata: null, spaces: spaces.filter(isActive).length };
}

export function six({ id, name, slug, description }: Space) {
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

/** By the key, subject and operation: the request, and its response. */
export type SavedAnswers = Map<string, { asked: string; expected: Expected }>;

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
  if (earlier && earlier.asked !== asked) throw new Refusal(422, 'idempotency_key_reused');
  const expected = earlier?.expected ?? effect();
  answers.set(name, { asked, expected });
  return expected;
}
