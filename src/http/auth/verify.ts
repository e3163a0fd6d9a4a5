import type { FastifyRequest } from 'fastify';
import { decodeProtectedHeader } from 'jose';
import type { Principal } from '../../repositories/access/principal.js';
import { SUBJECT_MAX_LENGTH } from '../conventions/schemas.js';
import { isText } from '../server/keywords.js';
import { grantedByDefault, scopesOf } from './scopes.js';
import { badClaim, tokenError } from './token-errors.js';

/** The subject of a verified token, and its scopes. */
export interface Caller extends Principal {
  readonly scopes: ReadonlySet<string>;
}

/** How far the issuer's clock may be ahead, for `nbf` and `iat`. `exp` has no leeway. */
export const LEEWAY_SECONDS = 5;

/** The largest number of seconds since 1970 that is a date (ECMAScript §21.4.1.1). */
const LAST_SECOND = 8.64e12;

export type Claims = Record<string, unknown>;

/** @returns whether a token has the algorithm name `Ed25519`, which only jose supports */
export function isEd25519(token: string): boolean {
  try {
    return decodeProtectedHeader(token).alg === 'Ed25519';
  } catch {
    return false;
  }
}

/** @throws `ServiceError` `token_missing`, `token_invalid`, `token_expired` or `unavailable` */
export async function verify(
  request: FastifyRequest,
  readClaims: (request: FastifyRequest) => Promise<Claims>,
): Promise<{ caller: Caller; expires: number }> {
  let claims: Claims;
  try {
    claims = await readClaims(request);
  } catch (error) {
    throw tokenError(error);
  }
  const { sub, exp, iat, scope, scp } = claims;
  if (typeof sub !== 'string' || !isSubject(sub)) {
    throw badClaim('sub', `must be a string of 1 to ${SUBJECT_MAX_LENGTH} characters`);
  }
  if (typeof exp !== 'number' || !(Math.abs(exp) <= LAST_SECOND)) {
    throw badClaim('exp', 'must be a date as a number of seconds since 1970');
  }
  if (typeof iat === 'number' && iat > Date.now() / 1000 + LEEWAY_SECONDS) {
    throw badClaim('iat', 'must not be in the future');
  }
  const granted = [scope, scp].filter((claim) => claim !== undefined).map(scopesOf);
  const [first = grantedByDefault, second = first] = granted;
  const scopes = new Set<string>(first.filter((each) => second.includes(each)));
  return {
    caller: { subject: sub, admin: scopes.has('admin'), scopes },
    expires: exp * 1000,
  };
}

/** @returns whether a string is a valid `sub`, and so the subject of a member */
export function isSubject(subject: string): boolean {
  return subject.length >= 1 && subject.length <= SUBJECT_MAX_LENGTH && isText(subject);
}
