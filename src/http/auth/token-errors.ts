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
        'Send a token in the header Authorization: Bearer <token>.',
      );
    case 'FST_JWT_AUTHORIZATION_TOKEN_EXPIRED':
    case errors.JWTExpired.code:
      return expired();
    default: {
      const claim = claimIn(error instanceof Error ? error.message : '');
      return claim === null
        ? new ServiceError(
            'token_invalid',
            'The token is not one that this service accepts: it is no JWT, or its algorithm or signature is not.',
          )
        : unacceptable(claim);
    }
  }
}

/** @returns the claim that the verifier's message is about; it names no value of it */
function claimIn(message: string): string | null {
  if (/will be active at/.test(message)) return 'nbf';
  return /(?:The|None of) (sub|exp|nbf|iat|iss|aud) claim/.exec(message)?.[1] ?? null;
}

export function badClaim(claim: string, rule: string): ServiceError {
  const detail = `The token's "${claim}" ${rule}. Get another token from its issuer.`;
  return new ServiceError('token_invalid', detail);
}

function unacceptable(claim: string): ServiceError {
  return badClaim(claim, 'is missing, or is not what this service accepts');
}

export function expired(): ServiceError {
  const detail = 'The token has expired. Get a new one from its issuer.';
  return new ServiceError('token_expired', detail);
}
