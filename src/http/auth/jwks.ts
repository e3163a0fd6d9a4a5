import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { compactVerify, type ProtectedHeaderParameters } from 'jose';
import { ServiceError } from '../../errors.js';

const FETCH_TIMEOUT_MS = 3_000;

/** How long after a fetch, good or bad, an unknown key does not cause another. */
const COOL_DOWN_MS = 30_000;

/** The same before any fetch has succeeded, when nobody can be let in. */
const FIRST_COOL_DOWN_MS = 1_000;

/** The age at which keys are fetched again while requests go on with the known ones. */
const REFRESH_AGE_MS = 5 * 60_000;

/** The age beyond which no request goes on before a fetch: a withdrawn key is honoured no longer. */
const MAX_AGE_MS = 10 * 60_000;

/** RFC 7518 §3.3. */
const RSA_MIN_BITS = 2048;

/** How many keys are tried for one token, where it names none of them or several share its id. */
const TRIED_MAX = 10;

/** How well the known keys are kept up to date, for metrics. */
export interface KeysUsage {
  /** since the issuer last published the known keys; before it has, since the start */
  ageMs: number;
  /** fetches that failed since the start */
  failures: number;
}

/** A published key that can verify tokens. */
interface PublishedKey {
  kid: string | undefined;
  /** of the tokens that it verifies */
  alg: string;
  key: KeyObject;
}

/**
 * The public keys of an issuer, from its JWKS URL and nowhere else (a token's own `iss` or `jku` is
 * never followed). Keys once known stay when the issuer is down; unknown keys make one fetch per
 * cool-down, so that made-up key ids cannot be used to flood the issuer.
 *
 * @param onChange called when a fetch brought another set of keys than the one before
 * @param now milliseconds; tests move it
 * @returns a function that takes the (unverified) header of a token, and the token, and gives the key for it,
 *   PEM; it throws `ServiceError` `token_invalid` when the issuer has no such key, and `unavailable` when no keys
 *   have been fetched yet. Its `checkAge` is to be called for each request, before a remembered token counts: it
 *   returns a promise to wait for where the keys are too old. Its `usage` is for metrics.
 */
export function remoteKeys(url: URL, onChange: () => void, now: () => number = Date.now) {
  let keys: { fingerprint: string; published: PublishedKey[] } | null = null;
  /** when the known keys were last published */
  let confirmed = -Infinity;
  let lastFetch = -Infinity;
  let pending: Promise<void> | null = null;
  let failures = 0;
  const createdAt = now();

  async function fetchKeys(): Promise<void> {
    lastFetch = now();
    const response = await fetch(url, {
      headers: { accept: 'application/jwk-set+json, application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`The JWKS URL answered ${response.status}`);
    const fingerprint = await response.text();
    if (fingerprint !== keys?.fingerprint) {
      const set: unknown = JSON.parse(fingerprint);
      if (!isKeySet(set)) throw new Error('The JWKS URL answered something else');
      const changed = keys !== null;
      keys = { fingerprint, published: set.keys.flatMap((jwk) => readKey(jwk) ?? []) };
      if (changed) onChange();
    }
    confirmed = now();
  }

  /** Fetches unless that was done just now; concurrent callers share one fetch. */
  function refresh(): Promise<void> {
    const coolDown = keys ? COOL_DOWN_MS : FIRST_COOL_DOWN_MS;
    if (!pending && now() - lastFetch < coolDown) return Promise.resolve();
    pending ??= fetchKeys()
      .catch((error: unknown) => {
        failures += 1;
        throw error;
      })
      .finally(() => {
        pending = null;
      });
    return pending;
  }

  /** Any published key of the right kind may verify a token that names none, or one that several share. */
  async function publicKey(
    header: ProtectedHeaderParameters,
    token: string,
  ): Promise<string | null> {
    const { kid } = header;
    // Two names of one algorithm (RFC 9864).
    const alg = header.alg === 'Ed25519' ? 'EdDSA' : header.alg;
    const fitting = (keys?.published ?? []).filter(
      (each) => each.alg === alg && (kid === undefined || each.kid === kid),
    );
    if (fitting.length <= 1) return toPem(fitting[0]);
    for (const each of fitting.slice(0, TRIED_MAX)) {
      const isSigner = await compactVerify(token, each.key).then(
        () => true,
        () => false,
      );
      if (isSigner) return toPem(each);
    }
    return null;
  }

  async function find(header: ProtectedHeaderParameters, token = ''): Promise<string> {
    let failure: unknown;
    let key = await publicKey(header, token);
    if (key === null) {
      await refresh().catch((error: unknown) => {
        failure = error;
      });
      key = await publicKey(header, token);
    }
    if (key !== null) return key;
    if (keys) throw new ServiceError('token_invalid', 'The token was signed with an unknown key.');
    throw new ServiceError(
      'unavailable',
      'The keys of the token issuer cannot be fetched right now. Try again soon.',
      { cause: failure },
    );
  }

  function checkAge(): Promise<void> | null {
    const age = now() - confirmed;
    if (!keys || age < REFRESH_AGE_MS) return null;
    // An issuer that cannot be reached has withdrawn nothing.
    const refreshed = refresh().catch(() => undefined);
    return age < MAX_AGE_MS ? null : refreshed;
  }

  const usage = (): KeysUsage => ({ ageMs: now() - Math.max(confirmed, createdAt), failures });

  return Object.assign(find, { checkAge, usage });
}

function toPem(published: PublishedKey | undefined): string | null {
  return published?.key.export({ type: 'spki', format: 'pem' }).toString() ?? null;
}

/**
 * By type and curve, the algorithm of the tokens that a key verifies, and the names under which it may be
 * published (RFC 9864).
 */
const kinds: Record<string, { alg: string; names: string[] }> = {
  RSA: { alg: 'RS256', names: ['RS256'] },
  'EC P-256': { alg: 'ES256', names: ['ES256'] },
  'OKP Ed25519': { alg: 'EdDSA', names: ['EdDSA', 'Ed25519'] },
};

/** @returns a key that verifies tokens, or null: a set may hold others, which harm nobody */
function readKey(jwk: Jwk): PublishedKey | null {
  const { kty, crv, kid, alg, use, key_ops: operations } = jwk;
  const kind = kinds[[kty, crv].filter(Boolean).join(' ')];
  const isForTokens =
    (use === undefined || use === 'sig') &&
    (operations === undefined || (Array.isArray(operations) && operations.includes('verify')));
  if (!kind || !isForTokens || (alg !== undefined && !kind.names.includes(alg))) return null;
  try {
    const key = createPublicKey({ key: jwk, format: 'jwk' });
    const isShort = (key.asymmetricKeyDetails?.modulusLength ?? RSA_MIN_BITS) < RSA_MIN_BITS;
    return isShort ? null : { kid, alg: kind.alg, key };
  } catch {
    return null;
  }
}

/** A key as it is published (RFC 7517 §4). */
interface Jwk extends JsonWebKey {
  kid?: string;
  alg?: string;
  use?: string;
  key_ops?: unknown;
}

function isKeySet(value: unknown): value is { keys: Jwk[] } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'keys' in value &&
    Array.isArray(value.keys) &&
    value.keys.every((key) => typeof key === 'object' && key !== null)
  );
}
