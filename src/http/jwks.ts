import { KeyObject } from 'node:crypto';
import { createLocalJWKSet, type JSONWebKeySet, type ProtectedHeaderParameters } from 'jose';
import { ServiceError } from '../errors.js';

const FETCH_TIMEOUT_MS = 3_000;

/** How long after a fetch, good or bad, an unknown key does not cause another. */
const COOL_DOWN_MS = 30_000;

/** The same before any fetch has succeeded, when nobody can be let in. */
const FIRST_COOL_DOWN_MS = 1_000;

/** When to look for keys that the issuer has added or withdrawn. */
const MAX_AGE_MS = 10 * 60_000;

/**
 * The public keys of an issuer, from its JWKS URL and nowhere else (a token's own `iss` or `jku` is
 * never followed). Keys once known stay when the issuer is down; unknown keys make one fetch per
 * cool-down, so that made-up key ids cannot be used to flood the issuer.
 *
 * @param onChange called when a fetch brought another set of keys than the one before
 * @param now milliseconds; tests move it
 * @returns a function that takes the (unverified) header of a token and gives the key for it, PEM;
 *   it throws `ServiceError` `token_invalid` when the issuer has no such key, and `unavailable` when
 *   no keys have been fetched yet
 */
export function remoteKeys(url: URL, onChange: () => void, now: () => number = Date.now) {
  let keys: { fingerprint: string; find: ReturnType<typeof createLocalJWKSet> } | null = null;
  let lastFetch = -Infinity;
  let pending: Promise<void> | null = null;

  async function fetchKeys(): Promise<void> {
    lastFetch = now();
    const response = await fetch(url, {
      headers: { accept: 'application/jwk-set+json, application/json' },
      redirect: 'error',
      signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
    });
    if (!response.ok) throw new Error(`The JWKS URL answered ${response.status}`);
    const fingerprint = await response.text();
    if (fingerprint === keys?.fingerprint) return;
    const set: unknown = JSON.parse(fingerprint);
    if (!isKeySet(set)) throw new Error('The JWKS URL answered something else');
    const changed = keys !== null;
    keys = { fingerprint, find: createLocalJWKSet(set) };
    if (changed) onChange();
  }

  /** Fetches unless that was done just now; whoever asks meanwhile waits for the same fetch. */
  function refresh(): Promise<void> {
    const coolDown = keys ? COOL_DOWN_MS : FIRST_COOL_DOWN_MS;
    if (!pending && now() - lastFetch < coolDown) return Promise.resolve();
    pending ??= fetchKeys().finally(() => {
      pending = null;
    });
    return pending;
  }

  async function publicKey(header: ProtectedHeaderParameters): Promise<string | null> {
    const key = await keys?.find(header).catch(() => null);
    return key ? KeyObject.from(key).export({ type: 'spki', format: 'pem' }).toString() : null;
  }

  return async function find(header: ProtectedHeaderParameters): Promise<string> {
    let failure: unknown;
    const fetchFailed = (error: unknown) => {
      failure = error;
    };
    // The known keys are good enough meanwhile.
    if (keys && now() - lastFetch >= MAX_AGE_MS) void refresh().catch(fetchFailed);

    let key = await publicKey(header);
    if (key === null) {
      await refresh().catch(fetchFailed);
      key = await publicKey(header);
    }
    if (key !== null) return key;
    if (keys) throw new ServiceError('token_invalid', 'The token was signed with an unknown key.');
    throw new ServiceError(
      'unavailable',
      'The keys of the token issuer cannot be fetched right now. Try again soon.',
      { cause: failure },
    );
  };
}

function isKeySet(value: unknown): value is JSONWebKeySet {
  return (
    typeof value === 'object' && value !== null && 'keys' in value && Array.isArray(value.keys)
  );
}
