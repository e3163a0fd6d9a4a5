import { createPublicKey } from 'node:crypto';
import jwt, { type Secret } from '@fastify/jwt';
import type { FastifyRequest, FastifySchema } from 'fastify';
import fp from 'fastify-plugin';
import { decodeProtectedHeader, errors, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { TokenConfig } from '../../config/load.js';
import { type ProblemCode, ServiceError } from '../../errors.js';
import {
  includesRole,
  type Outcome,
  type Principal,
  type Role,
} from '../../repositories/access/index.js';
import { remoteKeys } from './jwks.js';
import { problemResponses } from '../errors/problem.js';
import { SUBJECT_MAX_LENGTH } from '../conventions/schemas.js';
import { fixedSecret, secretsIn } from './secrets.js';
import { isText } from '../server/keywords.js';

const grantedByDefault = [
  'namespaces:read',
  'namespaces:write',
  'spaces:read',
  'spaces:write',
] as const;

/** What a route may ask for; `admin` comes on top of it and is never asked for. */
export type Scope = (typeof grantedByDefault)[number];

/** Who a verified token speaks for, and what it is narrowed to. */
export interface Caller extends Principal {
  readonly scopes: ReadonlySet<string>;
}

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: Record<string, unknown>;
    user: Caller;
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** the scope a token needs; every guarded route names one */
    scope?: Scope;
    /** the least role in the namespace; null for what is not within one */
    role?: Role | null;
    /** the problems of this operation alone: those of its scope, role and headers are added */
    problems?: ProblemCode[];
  }
}

/** How many verified tokens are remembered; verifying one costs some ten times the look-up. */
const REMEMBERED_TOKENS = 10_000;

/** How far the issuer's clock may be ahead, for `nbf` and `iat`; `exp` has no leeway. */
const LEEWAY_SECONDS = 5;

/** The last second that a date can be, from 1970 on (ECMAScript §21.4.1.1). */
const LAST_SECOND = 8.64e12;

const SYMMETRIC = ['HS256'] as const;
const ASYMMETRIC = ['RS256', 'ES256', 'EdDSA'] as const;

/**
 * Guards the routes of the context it is registered in: a request needs a valid token (else 401)
 * with the scope that its route names (else 403) before anything else of it is looked at. The same
 * hook documents what it demands.
 */
export const authPlugin = fp<TokenConfig>(
  async (app, { key, secretFile, issuer, audience }) => {
    const verified = new LRUCache<string, { caller: Caller; expires: number }>({
      max: REMEMBERED_TOKENS,
    });
    const forget = () => {
      verified.clear();
    };
    const bearer = ({ headers }: FastifyRequest) =>
      (headers.authorization ?? '').slice('Bearer '.length);

    const requiredClaims = [
      'sub',
      'exp',
      ...(issuer === null ? [] : ['iss']),
      ...(audience === null ? [] : ['aud']),
    ];
    let secret: Secret;
    let readClaims = (request: FastifyRequest) => request.jwtVerify<Claims>();
    /** what has to be waited for before a remembered token counts */
    let checkKeys: () => Promise<void> | null = () => null;
    if (key instanceof URL) {
      const findKey = remoteKeys(key, forget);
      checkKeys = findKey.checkAge;
      secret = (request: FastifyRequest) => {
        const token = bearer(request);
        return findKey(decodeProtectedHeader(token), token);
      };
      // @fastify/jwt knows Ed25519 by its older name, EdDSA, alone (RFC 9864).
      const verifyByJwt = readClaims;
      readClaims = async (request) => {
        const token = bearer(request);
        if (!isEd25519(token)) return verifyByJwt(request);
        const publicKey = createPublicKey(await findKey(decodeProtectedHeader(token), token));
        const { payload } = await jwtVerify<Claims>(token, publicKey, {
          algorithms: ['Ed25519'],
          clockTolerance: LEEWAY_SECONDS,
          requiredClaims,
          ...(issuer !== null && { issuer }),
          ...(audience !== null && { audience }),
        });
        return payload;
      };
    } else {
      const secrets =
        secretFile === undefined ? fixedSecret(key) : secretsIn(secretFile, forget, app.log);
      app.addHook('onClose', () => {
        secrets.close();
      });
      secret = (request: FastifyRequest) => Promise.resolve(secrets.find(bearer(request)));
    }
    await app.register(jwt, {
      secret,
      // Not `user`: claims that are not checked yet must not pass for the caller.
      decoratorName: 'claims',
      verify: {
        clockTolerance: LEEWAY_SECONDS * 1000,
        algorithms: [...(key instanceof URL ? ASYMMETRIC : SYMMETRIC)],
        // The verifier passes over a claim that is absent, unless it is required.
        requiredClaims,
        ...(issuer !== null && { allowedIss: issuer }),
        ...(audience !== null && { allowedAud: audience }),
      },
    });

    app.addHook('onRoute', (route) => {
      const { scope, role, problems = [] } = route.config ?? {};
      const name = `${String(route.method)} ${route.url}`;
      if (!scope) throw new Error(`${name} names no scope`);
      if (role === undefined) throw new Error(`${name} names no role`);
      const needs = [
        ...(role === null || role === 'viewer' ? [] : [`Needs the role \`${role}\`.`]),
        `Needs the scope \`${scope}\`.`,
      ];
      route.schema = {
        ...route.schema,
        security: [{ bearerAuth: [] }],
        description: [route.schema?.description ?? '', ...needs].join(' ').trim(),
        response: {
          ...(route.schema?.response ?? {}),
          ...problemResponses(
            'token_missing',
            'token_invalid',
            'token_expired',
            'insufficient_scope',
            'not_acceptable',
            'malformed_request',
            'expectation_failed',
            'request_timeout',
            'rate_limited',
            'headers_too_large',
            ...(takesInput(route.schema) ? INPUT_PROBLEMS : []),
            ...(readsBody(route.method) ? BODY_PROBLEMS : []),
            ...roleProblems(role),
            ...problems,
            ...headerProblems(route.schema?.headers),
            'internal_error',
            'unavailable',
            'overloaded',
          ),
        },
      };
    });

    const authenticate = async (request: FastifyRequest, header: string) => {
      await checkKeys();
      const token = verified.get(header) ?? (await verify(request, readClaims));
      if (token.expires <= Date.now()) throw expired();
      verified.set(header, token);
      return admit(request, token.caller);
    };
    app.addHook('onRequest', (request, _reply, done) => {
      const header = request.headers.authorization ?? '';
      const known = verified.get(header);
      if (known && known.expires > Date.now() && checkKeys() === null) {
        done(admit(request, known.caller));
        return;
      }
      authenticate(request, header).then(done, done);
    });
  },
  { name: 'auth', dependencies: ['problem'] },
);

function roleProblems(role: Role | null): ProblemCode[] {
  if (role === null) return [];
  return role === 'viewer' ? ['namespace_not_found'] : ['namespace_not_found', 'insufficient_role'];
}

/** The problems that follow from the headers that a route takes. */
function headerProblems(headers: unknown): ProblemCode[] {
  const properties: unknown =
    typeof headers === 'object' && headers !== null ? Reflect.get(headers, 'properties') : null;
  const takes = (name: string) =>
    typeof properties === 'object' && properties !== null && name in properties;
  return [
    ...(takes('if-match') ? (['precondition_failed'] as const) : []),
    ...(takes('idempotency-key')
      ? (['idempotency_key_in_use', 'idempotency_key_reused'] as const)
      : []),
  ];
}

function takesInput({ querystring, headers, body }: FastifySchema = {}): boolean {
  return Boolean(querystring ?? headers ?? body);
}

/** One that comes where none is asked for is read all the same, and refused where it cannot be. */
function readsBody(method: string | string[]): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

const INPUT_PROBLEMS: ProblemCode[] = ['validation_failed'];
const BODY_PROBLEMS: ProblemCode[] = ['malformed_body', 'body_too_large', 'unsupported_media_type'];

/** Lets a verified caller in, where the token's scopes reach. The caller is named before the refusal is logged. */
function admit(request: FastifyRequest, caller: Caller): ServiceError | undefined {
  request.user = caller;
  const { scope } = request.routeOptions.config;
  if (scope === undefined || !(caller.admin || caller.scopes.has(scope))) {
    return new ServiceError(
      'insufficient_scope',
      `This needs the scope "${String(scope)}". Ask the token's issuer for a token that has it.`,
    );
  }
  return undefined;
}

type Claims = Record<string, unknown>;

/** @returns whether a token names the algorithm by which only jose knows it */
function isEd25519(token: string): boolean {
  try {
    return decodeProtectedHeader(token).alg === 'Ed25519';
  } catch {
    return false;
  }
}

/** @throws `ServiceError` `token_missing`, `token_invalid`, `token_expired` or `unavailable` */
async function verify(
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
    throw badClaim('sub', `must be a text of 1 to ${SUBJECT_MAX_LENGTH} characters`);
  }
  if (typeof exp !== 'number' || !(Math.abs(exp) <= LAST_SECOND)) {
    throw badClaim('exp', 'must be a number of seconds that is a date');
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

/**
 * RFC 8693 §4.2: a list separated by spaces; an array, as Okta has it in `scp`, is taken too. A claim of any other
 * form grants nothing.
 */
function scopesOf(claim: unknown): readonly string[] {
  if (typeof claim === 'string') return claim.split(' ');
  return Array.isArray(claim) ? claim.filter((each) => typeof each === 'string') : [];
}

/** @returns whether a token's `sub`, and so a member, can be called so */
export function isSubject(subject: string): boolean {
  return subject.length >= 1 && subject.length <= SUBJECT_MAX_LENGTH && isText(subject);
}

function tokenError(error: unknown): ServiceError {
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

function badClaim(claim: string, rule: string): ServiceError {
  const detail = `The token's "${claim}" ${rule}. Get another token from its issuer.`;
  return new ServiceError('token_invalid', detail);
}

function unacceptable(claim: string): ServiceError {
  return badClaim(claim, 'is missing, or is not what this service accepts');
}

function expired(): ServiceError {
  const detail = 'The token has expired. Get a new one from its issuer.';
  return new ServiceError('token_expired', detail);
}

/**
 * What a handler may tell its caller of a namespace.
 *
 * @param needed the least role the operation takes
 * @returns the value, null when it was not found
 * @throws `ServiceError` `namespace_not_found` for a stranger, `insufficient_role` for a member
 */
export function permitted<Value>(outcome: Outcome<Value>, needed: Role): Value | null {
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
