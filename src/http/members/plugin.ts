import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { type Static, Type } from '@sinclair/typebox';
import { ServiceError } from '../../errors.js';
import type { MemberRow, MembersRepository } from '../../repositories/members/index.js';
import { permitted } from '../auth/require-role.js';
import { isSubject } from '../auth/verify.js';
import { walker } from '../conventions/cursor-page.js';
import type { Place } from '../conventions/cursor.js';
import { NotModified, ReadConditions } from '../conventions/etag.js';
import { pageOf, renderPage, sendPage } from '../conventions/list-page.js';
import {
  NamespaceParams,
  PageQuery,
  paging,
  ref,
  SUBJECT_MAX_LENGTH,
} from '../conventions/schemas.js';
import { invalid } from '../errors/problem.js';
import { Moved } from '../errors/redirect.js';
import { Member, MemberList, MemberParams, MemberPut } from './schema.js';

const collection = '/namespaces/:slug/members';
const item = `${collection}/:subject`;
const tags = ['members'];

/** The operations on the members of a namespace. */
export const membersPlugin: FastifyPluginCallbackTypebox<{
  members: MembersRepository;
  /** what cursors are sealed with */
  cursorKey: () => Promise<Buffer>;
}> = (app, { members, cursorKey }, done) => {
  const walk = walker(cursorKey);
  for (const schema of [Member, MemberList, MemberPut]) app.addSchema(schema);

  app.get(
    collection,
    {
      config: {
        scope: 'namespaces:read',
        role: 'viewer',
      },
      schema: {
        operationId: 'listMembers',
        summary: 'List the members of a namespace',
        description: 'In the order they were added.',
        tags,
        params: NamespaceParams,
        querystring: PageQuery,
        headers: ReadConditions,
        response: { 200: pageOf(ref(MemberList)), 304: NotModified, 308: Moved },
      },
    },
    async (request, reply) => {
      const { user, params, query } = request;
      if (query.cursor !== undefined) {
        const read = async (limit: number, after: Place | null) => {
          const part = permitted(await members.walk(user, params.slug, limit, after), 'viewer');
          if (!part) throw new Error('A list is never null');
          return part;
        };
        const { items, page } = await walk({ list: 'members', query, cursor: query.cursor, read });
        return reply.send({ members: items.map(answer), ...page });
      }
      const { limit, offset, describe } = paging(query);
      const render = (items: MemberRow[], total: number) =>
        renderPage(reply, { members: items.map(answer), ...describe(total) });
      const page = permitted(
        await members.list(request.user, request.params.slug, { limit, offset }, render),
        'viewer',
      );
      if (!page) throw new Error('A list is never null');
      return sendPage(request, reply, page, describe);
    },
  );

  app.put(
    item,
    {
      config: {
        scope: 'namespaces:write',
        role: 'owner',
        problems: ['quota_exceeded', 'last_owner'],
      },
      schema: {
        operationId: 'putMember',
        summary: 'Add a member or change a role',
        tags,
        params: MemberParams,
        body: ref(MemberPut),
        response: { 200: ref(Member), 201: ref(Member) },
      },
    },
    async (request, reply) => {
      const { slug, subject } = request.params;
      if (!isSubject(subject)) {
        const message = `must be valid Unicode of 1 to ${SUBJECT_MAX_LENGTH} characters`;
        throw invalid('path', [{ path: '/subject', code: 'format', message }]);
      }
      const member = found(
        permitted(await members.put(request.user, slug, subject, request.body.role), 'owner'),
      );
      return reply.code(member.created ? 201 : 200).send(answer(member));
    },
  );

  app.delete(
    item,
    {
      config: {
        scope: 'namespaces:write',
        role: 'owner',
        problems: ['member_not_found', 'last_owner'],
      },
      schema: {
        operationId: 'removeMember',
        summary: 'Remove a member, or leave',
        description: 'Every member may leave, whatever their role, but the last owner.',
        tags,
        params: MemberParams,
        response: { 204: Type.Null({ description: 'Removed' }) },
      },
    },
    async (request, reply) => {
      const { slug, subject } = request.params;
      // Nobody is called so, and PostgreSQL may refuse to look.
      const possible = isSubject(subject) ? subject : '';
      const needed = possible === request.user.subject ? 'viewer' : 'owner';
      found(permitted(await members.remove(request.user, slug, possible), needed));
      return reply.code(204).send(null);
    },
  );

  done();
};

function answer({ createdAt, updatedAt, ...member }: MemberRow): Static<typeof Member> {
  return { ...member, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}

/** @throws `ServiceError` `member_not_found` */
function found<Value>(value: Value | null): Value {
  if (value !== null) return value;
  throw new ServiceError(
    'member_not_found',
    'The namespace has no member with this subject. List its members to see who is.',
  );
}
