import { Type } from '@sinclair/typebox';
import { requireRole } from '../auth/require-role.js';
import { isSubject } from '../auth/verify.js';
import { type AddMemberRoute, memberOrNotFound } from './routes.js';
import { MemberParams } from './schema.js';

export const deleteMember: AddMemberRoute = (app, members) => {
  app.delete(
    '/:subject',
    {
      config: {
        scope: 'namespaces:write',
        role: 'owner',
        problems: ['member_not_found', 'last_owner'],
      },
      schema: {
        operationId: 'removeMember',
        summary: 'Remove a member, or leave',
        description: 'Every member may leave the namespace, except its last owner.',
        tags: ['members'],
        params: MemberParams,
        response: { 204: Type.Null({ description: 'Removed' }) },
      },
    },
    async (request, reply) => {
      const { slug, subject } = request.params;
      // An invalid subject is no member, and PostgreSQL may reject it.
      const possible = isSubject(subject) ? subject : '';
      const needed = possible === request.user.subject ? 'viewer' : 'owner';
      memberOrNotFound(
        requireRole(request, await members.delete(request.user, slug, possible), needed),
      );
      return reply.code(204).send(null);
    },
  );
};
