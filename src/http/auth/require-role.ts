import { ServiceError } from '../../errors.js';
import { type AccessResult, includesRole, type Role } from '../../repositories/access/principal.js';

/** A request of a route that declares its role. */
export interface Routed {
  routeOptions: { config: { role?: Role | null } };
}

/**
 * Reads the result of an operation in a namespace.
 *
 * @param needed the minimum role, where it is not the one that the route declares
 * @returns the value, null when it was not found
 * @throws `ServiceError` `namespace_not_found` for a caller who is not a member, `insufficient_role` for a
 *   member
 */
export function requireRole<Value>(
  { routeOptions }: Routed,
  outcome: AccessResult<Value>,
  needed = routeOptions.config.role ?? 'owner',
): Value | null {
  if (!outcome) {
    throw new ServiceError(
      'namespace_not_found',
      'No namespace with this slug exists, or you are not a member of it. GET /namespaces lists yours.',
    );
  }
  if (!includesRole(outcome.role, needed)) {
    throw new ServiceError(
      'insufficient_role',
      `The operation requires the role "${needed}" in the namespace; yours is "${outcome.role}". Ask an owner of the namespace for the role.`,
    );
  }
  return outcome.value;
}
