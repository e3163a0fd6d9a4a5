import { requireRole } from '../auth/require-role.js';
import { isSubject } from '../auth/verify.js';
import { ref, SUBJECT_MAX_LENGTH } from '../conventions/schemas.js';
import { invalid } from '../errors/problem.js';
import { type AddMemberRoute, memberOrNotFound, toMember } from './routes.js';
import { Member, MemberParams, MemberPut } from './schema.js';

export const putMember: AddMemberRoute = (app, members) => {
  app.put(
    '/:subject',
    {
      config: {
        scope: 'namespaces:write',
        role: 'owner',
        problems: ['quota_exceeded', 'last_owner'],
      },
      schema: {
        operationId: 'putMember',
        summary: 'Add a member or change a role',
        tags: ['members'],
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
      const outcome = await members.put(request.user, slug, subject, request.body.role);
      const member = memberOrNotFound(requireRole(request, outcome));
      return reply.code(member.created ? 201 : 200).send(toMember(member));
    },
  );
};
