/** The expected behaviour of the service, in memory and for one request at a time. */
import type { Role } from '../../src/repositories/access/principal.js';
import { spaceOperations } from './model-spaces.js';
import {
  type Command,
  dropAnswers,
  erase,
  type Expected,
  ExpectedProblem,
  expectFree,
  expectOtherOwner,
  expectRole,
  isActive,
  nameOf,
  type Namespace,
  NIL,
  once,
  pageOf,
  remove,
  restore,
  roleIn,
  scopes,
  shown,
  toErase,
  toRestore,
} from './model-state.js';

export class Model {
  /** in order of creation */
  readonly namespaces: Namespace[] = [];
  private readonly formerSlugs = new Map<string, Namespace>();
  /** saved responses, by namespace, subject, operation and key */
  readonly answers = new Map<string, { asked: string; expected: Expected }>();
  /** the created namespaces, by the same names */
  private readonly createdBy = new Map<string, Namespace>();
  /** the number of deletions, which orders them */
  deletions = 0;

  /** @param nextIds the ids of the resources that the service has just created */
  answer(command: Command, nextIds: string[]): Expected {
    const granted = command.scope?.split(' ') ?? Object.values(scopes);
    try {
      if (!granted.includes('admin') && !granted.includes(scopes[command.operation])) {
        throw new ExpectedProblem(403, 'insufficient_scope');
      }
      return this.operations[command.operation](command, nextIds);
    } catch (error) {
      if (!(error instanceof ExpectedProblem)) throw error;
      const { status, code, current } = error;
      const isRead = scopes[command.operation].endsWith(':read');
      if (current && isRead) return { status: 308, body: undefined, current };
      return { status, body: code, ...(current && { current }) };
    }
  }

  readonly operations = {
    listNamespaces: ({ subject, page, pageSize }: Command): Expected => {
      const own = this.namespaces.filter(
        ({ deleted, members }) => deleted === null && members.has(subject),
      );
      const items = own.map(({ id, slug, name, members }) => ({
        id,
        slug,
        name,
        role: members.get(subject),
      }));
      return { status: 200, body: pageOf('namespaces', items, page, pageSize) };
    },

    createNamespace: (command: Command, [id = '']: string[]): Expected => {
      const { subject, text } = command;
      const slug = command.slug ?? command.namespace;
      const name = nameOf(NIL, command, 'createNamespace');
      const expected = once(this.answers, command, name, [slug, text], () => {
        this.takeSlug(command, slug);
        const created: Namespace = {
          ...{ id, slug, name: text, version: 1, deleted: null },
          members: new Map([[subject, 'owner']]),
          spaces: [],
          formerSlugs: new Map(),
          texts: text === null ? [] : [text],
        };
        this.namespaces.push(created);
        this.createdBy.set(name, created);
        return { status: 201, body: shown(created) };
      });
      const found = this.createdBy.get(name);
      if (command.key !== undefined && found && !roleIn(found, command)) {
        throw new ExpectedProblem(404, 'namespace_not_found');
      }
      return expected;
    },

    getNamespace: (command: Command): Expected => ({
      status: 200,
      body: shown(this.find(command, 'viewer')),
    }),

    updateNamespace: (command: Command): Expected => {
      const found = this.find(command, 'owner');
      if (command.slug !== null && command.slug !== found.slug) {
        this.takeSlug(command, command.slug);
        this.formerSlugs.set(found.slug, found);
        found.slug = command.slug;
      }
      if (command.text !== null) {
        found.name = command.text;
        found.texts.push(command.text);
      }
      if (command.slug !== null || command.text !== null) found.version += 1;
      return { status: 200, body: shown(found) };
    },

    deleteNamespace: (command: Command): Expected => {
      const found = this.find(command, 'owner');
      this.formerSlugs.set(found.slug, found);
      return remove(found, (this.deletions += 1));
    },

    eraseNamespace: (command: Command): Expected => {
      const known = this.namespaces.filter((each) => roleIn(each, command));
      const found = toErase(known, command.namespace);
      if (!found) throw this.noNamespace(command);
      expectRole(roleIn(found, command), 'owner');
      for (const name of this.answers.keys()) {
        if (name.startsWith(found.id)) this.answers.delete(name);
      }
      dropAnswers(this.answers, found);
      found.members.clear();
      return erase(found, this.namespaces, this.formerSlugs);
    },

    restoreNamespace: (command: Command): Expected => {
      const known = this.namespaces.filter((each) => roleIn(each, command));
      const slug = command.namespace;
      const name = ({ id }: Namespace) => nameOf(id, command, `restoreNamespace ${slug}`);
      const used = command.key !== undefined && known.find((each) => this.answers.has(name(each)));
      const found = used || toRestore(known, slug);
      if (!found) throw this.noNamespace(command);
      expectRole(roleIn(found, command), 'owner');
      return once(this.answers, command, name(found), [command.slug], () => {
        if (!isActive(found)) {
          const taken = command.slug ?? slug;
          this.takeSlug(command, taken);
          found.slug = taken;
        }
        restore(found);
        return { status: 200, body: shown(found) };
      });
    },

    listMembers: (command: Command): Expected => {
      const { members } = this.find(command, 'viewer');
      const items = Array.from(members, ([subject, role]) => ({ subject, role }));
      items.sort((a, b) => (a.subject < b.subject ? -1 : 1));
      return { status: 200, body: pageOf('members', items, 1, 50) };
    },

    putMember: (command: Command): Expected => {
      const { member, role } = command;
      const { members } = this.find(command, 'owner');
      if (role !== 'owner') expectOtherOwner(members, member);
      const status = members.has(member) ? 200 : 201;
      members.set(member, role);
      return { status, body: { subject: member, role } };
    },

    removeMember: (command: Command): Expected => {
      const isLeaving = command.member === command.subject;
      const { members } = this.find(command, isLeaving ? 'viewer' : 'owner');
      expectOtherOwner(members, command.member);
      if (!members.delete(command.member)) throw new ExpectedProblem(404, 'member_not_found');
      return { status: 204, body: undefined };
    },

    ...spaceOperations(this),
  };

  /** @throws `ExpectedProblem` where the caller does not see the namespace, or lacks the role */
  find(command: Command, needed: Role): Namespace {
    const found = this.namespaces.find(
      (each) => isActive(each) && each.slug === command.namespace && roleIn(each, command),
    );
    if (!found) throw this.noNamespace(command);
    expectRole(roleIn(found, command), needed);
    return found;
  }

  /** @returns the problem of a missing namespace, with the current slug of the last one that had the slug, for a member */
  private noNamespace(command: Command): ExpectedProblem {
    const { namespace: slug } = command;
    const isTaken = this.namespaces.some((each) => isActive(each) && each.slug === slug);
    const former = isTaken ? undefined : this.formerSlugs.get(slug);
    const isKnown = former && isActive(former) && roleIn(former, command);
    const current = isKnown ? { namespace: former.slug } : undefined;
    return new ExpectedProblem(404, 'namespace_not_found', current);
  }

  /** A released slug is reserved for the owners of its last namespace. */
  private takeSlug(command: Command, slug: string): void {
    expectFree(this.namespaces, slug);
    const last = this.formerSlugs.get(slug);
    if (last && roleIn(last, command) !== 'owner') throw new ExpectedProblem(409, 'slug_conflict');
    this.formerSlugs.delete(slug);
  }
}
