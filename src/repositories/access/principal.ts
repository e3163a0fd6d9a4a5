import { memberRole } from '../../db/schema/members.js';

export type Role = (typeof memberRole.enumValues)[number];

/** The caller. The first argument of every function that reads or writes a namespace. */
export interface Principal {
  /** the token's `sub` */
  readonly subject: string;
  /** a trusted service, which acts as owner of every namespace */
  readonly admin: boolean;
}

/**
 * The result of an operation in a namespace: null when there is none that this principal may know of,
 * otherwise the caller's role in it and the value, null when it was not found or the role did not allow it.
 */
export type AccessResult<Value> = { readonly role: Role; readonly value: Value | null } | null;

/** @returns whether `role` includes the rights of `needed` */
export function includesRole(role: Role, needed: Role): boolean {
  return memberRole.enumValues.indexOf(role) >= memberRole.enumValues.indexOf(needed);
}

/** The parameters by which a statement that carries `access` knows its caller. */
export function principalParams({ subject, admin }: Principal) {
  return { subject, adminRole: admin ? ('owner' as const) : null };
}
