import type { Static } from '@sinclair/typebox';
import { ServiceError } from '../../errors.js';
import type { MemberRow } from '../../repositories/members/columns.js';
import type { MembersRepository } from '../../repositories/members/index.js';
import type { AddRoute } from '../resource.js';
import type { Member } from './schema.js';

/** Adds an operation on members. */
export type AddMemberRoute = AddRoute<MembersRepository>;

/** @returns the representation of a member */
export function toMember({ createdAt, updatedAt, ...member }: MemberRow): Static<typeof Member> {
  return { ...member, createdAt: createdAt.toISOString(), updatedAt: updatedAt.toISOString() };
}

/** @throws `ServiceError` `member_not_found` */
export function memberOrNotFound<Value>(value: Value | null): Value {
  if (value !== null) return value;
  throw new ServiceError(
    'member_not_found',
    'The namespace has no member with this subject. List its members to find the subject.',
  );
}
