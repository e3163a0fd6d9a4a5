import { ServiceError } from '../../errors.js';
import { type AccessResult, includesRole, type Role } from '../../repositories/access/principal.js';

/**
 * Reads the result of an operation in a namespace.
 *
 * @param needed the least role the operation takes
 * @returns the value, null when it was not found
 * @throws `ServiceError` `namespace_not_found` for a stranger, `insufficient_role` for a member
 */
export function requireRole<Value>(outcome: AccessResult<Value>, needed: Role): Value | null {
  if (!outcome) {
    throw new ServiceError(
      'namespace_not_found',
      'There is no namespace with this slug that the token has access to. GET /namespaces lists those it has.',
    );
  }
  if (!includesRole(outcome.role, needed)) {
    throw new ServiceError(
      'insufficient_role',
      `This needs the role "${needed}" in the namespace; yours is "${outcome.role}". Ask an owner.`,
    );
  }
  return outcome.value;
}
