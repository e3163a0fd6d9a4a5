import { memberRole } from '../../db/schema/members.js';

export type Role = (typeof memberRole.enumValues)[number];

/** The caller: the first argument of every function that reads or writes a namespace. */
export interface Principal {
  /** the token's `sub` */
  readonly subject: string;
  /** whether it is a trusted service, which acts as owner of every namespace */
  readonly admin: boolean;
}

/**
 * The result of an operation in a namespace: null if the namespace does not exist for the caller, otherwise the
 * caller's role in it and the value, which is null if it was not found or the role is insufficient.
 */
export type AccessResult<Value> = { readonly role: Role; readonly value: Value | null } | null;

/** @returns whether `role` includes the rights of `needed` */
export function includesRole(role: Role, needed: Role): boolean {
  return memberRole.enumValues.indexOf(role) >= memberRole.enumValues.indexOf(needed);
}

/** The parameters of `access` for the caller. */
export function principalParams({ subject, admin }: Principal) {
  return { subject, adminRole: admin ? ('owner' as const) : null };
}
