import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto';
import { compactVerify, type ProtectedHeaderParameters } from 'jose';
import { ServiceError } from '../../errors.js';

const FETCH_TIMEOUT_MS = 3_000;

/** Minimum time between two fetches, successful or not. */
const COOL_DOWN_MS = 30_000;

/** The same before the first successful fetch, while no token can be verified. */
const FIRST_COOL_DOWN_MS = 1_000;

/** The age at which keys are fetched again in the background. */
const REFRESH_AGE_MS = 5 * 60_000;

/** The age at which requests wait for a fetch, so that a withdrawn key is not accepted for longer. */
const MAX_AGE_MS = 10 * 60_000;

/** RFC 7518 §3.3. */
const RSA_MIN_BITS = 2048;

/** Maximum number of keys tried for one token that has no key id, or one that several keys share. */
const TRIED_MAX = 10;

/** The freshness of the keys, for metrics. */
export interface KeysUsage {
  /** time since the last successful fetch; before the first one, since the start */
  ageMs: number;
  /** number of failed fetches since the start */
  failures: number;
}

/** A published key that can verify tokens. */
interface PublishedKey {
  kid: string | undefined;
  /** the algorithm of the tokens that it verifies */
  alg: string;
  key: KeyObject;
}

/**
 * The public keys of an issuer, only from the configured JWKS URL (never from a token's `iss` or `jku`). Known
 * keys stay valid while the issuer is down. Unknown key ids cause at most one fetch per cool-down, so that
 * invented ones cannot flood the issuer.
 *
 * @param onChange called when a fetch returned a different set of keys
 * @param now the clock in milliseconds, a monotonic one, because the time of day can be set back
 * @returns a function that takes the (unverified) header of a token, and the token, and returns its key as PEM;
 *   it throws `ServiceError` `token_invalid` when the issuer has no such key, and `unavailable` when no keys
 *   have been fetched yet. Call its `checkAge` for each request, before a cached token is accepted: it returns
 *   a promise to await where the keys are too old. Its `usage` is for metrics.
 */
export function remoteKeys(
  url: URL,
  onChange: () => void,
  now: () => number = () => performance.now(),
) {
  let keys: { fingerprint: string; published: PublishedKey[] } | null = null;
  /** when the last successful fetch ended */
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
    if (!response.ok) throw new Error(`The JWKS URL responded with ${response.status}`);
    const fingerprint = await response.text();
    if (fingerprint !== keys?.fingerprint) {
      const set: unknown = JSON.parse(fingerprint);
      if (!isKeySet(set)) throw new Error('The response of the JWKS URL is not a key set');
      const changed = keys !== null;
      keys = { fingerprint, published: set.keys.flatMap((jwk) => readKey(jwk) ?? []) };
      if (changed) onChange();
    }
    confirmed = now();
  }

  /** Fetches the keys unless the cool-down is running; concurrent callers share one fetch. */
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

  /** Finds the key of a token. If its key id is absent or shared, each key of that algorithm is tried. */
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
    if (keys)
      throw new ServiceError(
        'token_invalid',
        'The token is signed with a key that its issuer does not publish. Get a new token from the issuer.',
      );
    throw new ServiceError(
      'unavailable',
      'The public keys of the token issuer cannot be fetched at the moment. Retry later.',
      { cause: failure },
    );
  }

  function checkAge(): Promise<void> | null {
    const age = now() - confirmed;
    if (!keys || age < REFRESH_AGE_MS) return null;
    // While the issuer cannot be reached, known keys stay valid.
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
 * The algorithm of each type and curve of keys, and its names in a key set (RFC 9864).
 */
const kinds: Record<string, { alg: string; names: string[] }> = {
  RSA: { alg: 'RS256', names: ['RS256'] },
  'EC P-256': { alg: 'ES256', names: ['ES256'] },
  'OKP Ed25519': { alg: 'EdDSA', names: ['EdDSA', 'Ed25519'] },
};

/** @returns a key that verifies tokens, null for any other key of the set */
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

/** A key of a key set (RFC 7517 §4). */
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
