import { eq } from 'drizzle-orm';
import { members } from '../../db/schema/members.js';
import { Failure } from '../../failure.js';
import { param } from '../access/statement.js';

export const memberColumns = {
  subject: members.subject,
  role: members.role,
  createdAt: members.createdAt,
  updatedAt: members.updatedAt,
};

export type MemberRow = Pick<typeof members.$inferSelect, keyof typeof memberColumns>;

export const inNamespace = eq(members.namespaceId, param('namespaceId'));

/** @returns the failure of a change that would leave the namespace without an owner */
export function lastOwner(member: string): Failure {
  return new Failure('last_owner', { member });
}
