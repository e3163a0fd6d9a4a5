export const grantedByDefault = [
  'namespaces:read',
  'namespaces:write',
  'spaces:read',
  'spaces:write',
] as const;

/** The scopes that a route may declare; `admin` includes all of them and is never declared. */
export type Scope = (typeof grantedByDefault)[number];

/**
 * RFC 8693 §4.2: a list separated by spaces; an array, as Okta has it in `scp`, is taken too. A claim of any other
 * form grants nothing.
 */
export function scopesOf(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return claim.split(' ');
  return Array.isArray(claim) ? claim.filter((each) => typeof each === 'string') : [];
}
