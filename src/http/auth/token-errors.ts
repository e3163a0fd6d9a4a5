import { errors } from 'jose';
import { ServiceError } from '../../errors.js';

export function tokenError(error: unknown): ServiceError {
  if (error instanceof ServiceError) return error;
  if (error instanceof errors.JWTClaimValidationFailed) return unacceptable(error.claim);
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'FST_JWT_NO_AUTHORIZATION_IN_HEADER':
      return new ServiceError(
        'token_missing',
        'The request has no bearer token. Send the header Authorization: Bearer <token>.',
      );
    case 'FST_JWT_AUTHORIZATION_TOKEN_EXPIRED':
    case errors.JWTExpired.code:
      return expired();
    default: {
      const claim = claimIn(error instanceof Error ? error.message : '');
      return claim === null
        ? new ServiceError(
            'token_invalid',
            'The token cannot be verified: it is not a JWT, or the service does not accept its algorithm or signature. Get another token from its issuer.',
          )
        : unacceptable(claim);
    }
  }
}

/** @returns the name of the claim in the verifier's message, or null */
function claimIn(message: string): string | null {
  if (/will be active at/.test(message)) return 'nbf';
  return /(?:The|None of) (sub|exp|nbf|iat|iss|aud) claim/.exec(message)?.[1] ?? null;
}

export function badClaim(claim: string, rule: string): ServiceError {
  const detail = `The token's "${claim}" ${rule}. Get another token from its issuer.`;
  return new ServiceError('token_invalid', detail);
}

function unacceptable(claim: string): ServiceError {
  return badClaim(claim, 'claim is missing or not accepted by this service');
}

export function expired(): ServiceError {
  const detail = 'The token has expired. Get a new one from its issuer.';
  return new ServiceError('token_expired', detail);
}
