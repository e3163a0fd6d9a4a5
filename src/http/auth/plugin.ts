import { createPublicKey } from 'node:crypto';
import jwt, { type Secret } from '@fastify/jwt';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Registry } from 'prom-client';
import type { TokenConfig } from '../../config/load.js';
import { type ProblemCode, ServiceError } from '../../errors.js';
import type { Role } from '../../repositories/access/principal.js';
import { problemResponses } from '../errors/problem.js';
import { measureKeys } from '../observability/metrics.js';
import { remoteKeys } from './jwks.js';
import {
  BODY_PROBLEMS,
  headerProblems,
  INPUT_PROBLEMS,
  readsBody,
  roleProblems,
  takesInput,
} from './route-problems.js';
import type { Scope } from './scopes.js';
import { fixedSecret, secretsIn } from './secrets.js';
import { expired } from './token-errors.js';
import { type Caller, type Claims, isEd25519, LEEWAY_SECONDS, verify } from './verify.js';

declare module '@fastify/jwt' {
  interface FastifyJWT {
    payload: Record<string, unknown>;
    user: Caller;
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** the scope that a token needs; required on every guarded route */
    scope?: Scope;
    /** the minimum role in the namespace; null for operations outside of namespaces */
    role?: Role | null;
    /** the problems of this operation, besides those that follow from its scope, role and headers */
    problems?: ProblemCode[];
  }
}

export interface AuthOptions extends TokenConfig {
  /** the registry of metrics, if they are collected */
  registry?: Registry | undefined;
}

/** Size of the cache of verified tokens; verifying one costs about ten times a look-up. */
const REMEMBERED_TOKENS = 10_000;

const SYMMETRIC = ['HS256'] as const;
const ASYMMETRIC = ['RS256', 'ES256', 'EdDSA'] as const;

/**
 * Authenticates the requests of the context it is registered in: a request needs a valid token (otherwise 401)
 * with the scope of its route (otherwise 403); both are checked before the body is read. It also documents
 * these requirements for each route.
 */
export const authPlugin = fp<AuthOptions>(
  async (app, { key, secretFile, issuer, audience, registry }) => {
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
    /** returns a promise where a cached token has to wait for a fetch of the keys */
    let checkKeys: () => Promise<void> | null = () => null;
    if (key instanceof URL) {
      const findKey = remoteKeys(key, forget);
      checkKeys = findKey.checkAge;
      if (registry) measureKeys(registry, findKey.usage);
      secret = (request: FastifyRequest) => {
        const token = bearer(request);
        return findKey(decodeProtectedHeader(token), token);
      };
      // @fastify/jwt only supports the older name of Ed25519, EdDSA (RFC 9864).
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
      // Not `user`: unchecked claims must not be mistaken for the caller.
      decoratorName: 'claims',
      verify: {
        clockTolerance: LEEWAY_SECONDS * 1000,
        algorithms: [...(key instanceof URL ? ASYMMETRIC : SYMMETRIC)],
        // The verifier ignores an absent claim unless it is required.
        requiredClaims,
        ...(issuer !== null && { allowedIss: issuer }),
        ...(audience !== null && { allowedAud: audience }),
      },
    });

    app.addHook('onRoute', (route) => {
      const { scope, role, problems = [] } = route.config ?? {};
      const name = `${String(route.method)} ${route.url}`;
      if (!scope) throw new Error(`${name} declares no scope`);
      if (role === undefined) throw new Error(`${name} declares no role`);
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

/** Sets the caller of a request, also for the log, and checks the scope. @returns the problem, if any */
function admit(request: FastifyRequest, caller: Caller): ServiceError | undefined {
  request.user = caller;
  const { scope } = request.routeOptions.config;
  if (scope === undefined || !(caller.admin || caller.scopes.has(scope))) {
    return new ServiceError(
      'insufficient_scope',
      `The operation requires the scope "${String(scope)}", which the token lacks. Request a token with this scope from its issuer.`,
    );
  }
  return undefined;
}
