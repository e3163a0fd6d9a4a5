export const grantedByDefault = [
  'namespaces:read',
  'namespaces:write',
  'spaces:read',
  'spaces:write',
] as const;

/** The scopes that a route may declare; `admin` includes all of them. */
export type Scope = (typeof grantedByDefault)[number];

/**
 * Parses a claim of scopes: separated by spaces (RFC 8693 §4.2), or an array, as Okta sends `scp`. A claim of
 * any other type grants nothing.
 */
export function scopesOf(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return claim.split(' ');
  return Array.isArray(claim) ? claim.filter((each) => typeof each === 'string') : [];
}
