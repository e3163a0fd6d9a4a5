import { generateKeyPairSync } from 'node:crypto';
import { type Test, test } from 'tap';
import { ServiceError } from '../../../src/errors.js';
import { remoteKeys } from '../../../src/http/auth/jwks.js';
import { startService } from '../../helpers/app.js';
import { type Issuer, signingKey, startIssuer } from '../../helpers/issuer.js';
import { pick } from '../../helpers/json.js';

const COOL_DOWN_MS = 30_000;
const FIRST_COOL_DOWN_MS = 1_000;
const REFRESH_AGE_MS = 5 * 60_000;
const MAX_AGE_MS = 10 * 60_000;

/** The keys of an issuer, with a clock that only `advance` moves. */
function keysAt(issuer: Issuer) {
  let time = 0;
  let changes = 0;
  const find = remoteKeys(
    issuer.url,
    () => {
      changes += 1;
    },
    () => time,
  );
  return {
    find: (kid: string, alg = 'ES256') => find({ alg, kid }),
    checkAge: () => find.checkAge(),
    advance: (milliseconds: number) => {
      time += milliseconds;
    },
    changes: () => changes,
  };
}

const rejects = (t: Test, promise: Promise<unknown>, code: string, title: string = code) =>
  t.rejects(promise, { name: 'ServiceError', code }, title);

test('unknown keys cause one fetch per cool-down', async (t) => {
  const key = await signingKey('ES256', 'key');
  const issuer = await startIssuer(t, key);
  const { find, advance } = keysAt(issuer);
  t.match(await find('key'), /^-----BEGIN PUBLIC KEY-----/);
  t.equal(issuer.requests, 1);
  for (let period = 1; period <= 3; period += 1) {
    advance(COOL_DOWN_MS - 1);
    for (let index = 0; index < 20; index += 1) {
      await rejects(t, find(`made-up-${period}-${index}`), 'token_invalid');
    }
    t.equal(issuer.requests, period, 'none within the cool-down');
    advance(1);
    const unknown = Array.from({ length: 20 }, (_, index) => find(`parallel-${period}-${index}`));
    await Promise.all(unknown.map((found) => rejects(t, found, 'token_invalid')));
    t.equal(issuer.requests, period + 1, 'one after it, for any number of unknown keys at once');
  }
});

test('an algorithm that does not match the key counts as an unknown key', async (t) => {
  const issuer = await startIssuer(t, await signingKey('ES256', 'key'));
  const { find } = keysAt(issuer);
  for (const alg of ['RS256', 'HS256', 'none']) {
    await rejects(t, find('key', alg), 'token_invalid', alg);
  }
  t.equal(issuer.requests, 1);
});

test('a failed fetch has a cool-down, a short one while no keys are known', async (t) => {
  const key = await signingKey('ES256', 'key');
  const issuer = await startIssuer(t, key);
  const { find, advance } = keysAt(issuer);
  const answer = { status: 500, body: '' };

  issuer.answer = answer;
  await rejects(t, find('key'), 'unavailable');
  advance(FIRST_COOL_DOWN_MS - 1);
  await rejects(t, find('key'), 'unavailable');
  t.equal(issuer.requests, 1);
  advance(1);
  issuer.publish(key);
  t.ok(await find('key'));
  t.equal(issuer.requests, 2);

  issuer.answer = answer;
  advance(COOL_DOWN_MS);
  await rejects(t, find('unknown'), 'token_invalid');
  advance(COOL_DOWN_MS - 1);
  await rejects(t, find('unknown'), 'token_invalid');
  t.equal(issuer.requests, 3);
});

test('an error contains the failed fetch as its cause only', async (t) => {
  const issuer = await startIssuer(t);
  issuer.answer = { status: 418, body: '' };
  const failure: unknown = await keysAt(issuer)
    .find('key')
    .catch((error: unknown) => error);
  t.ok(failure instanceof ServiceError);
  t.match(failure, { cause: { message: /418/ } });
  t.notMatch(failure, { message: /418/ });
});

test('old keys are fetched again, and a withdrawn one is accepted for ten minutes at most', async (t) => {
  const [before, after] = await Promise.all([
    signingKey('ES256', 'before'),
    signingKey('ES256', 'after'),
  ]);
  const issuer = await startIssuer(t, before);
  const { find, checkAge, advance, changes } = keysAt(issuer);
  await find('before');
  advance(REFRESH_AGE_MS - 1);
  t.equal(checkAge(), null);
  t.equal(issuer.requests, 1, 'young keys are not fetched again');
  issuer.publish(after);
  issuer.answer = { ...issuer.answer, status: 500 };
  advance(MAX_AGE_MS - REFRESH_AGE_MS + 1);
  await checkAge();
  t.ok(await find('before'), 'a failed fetch withdraws no key');
  issuer.publish(after);
  advance(COOL_DOWN_MS);
  const refreshed = checkAge();
  t.not(refreshed, null, 'the check of old keys waits for the fetch');
  await refreshed;
  t.equal(changes(), 1, 'the change is reported');
  t.equal(checkAge(), null, 'new keys need no fetch');
  await rejects(t, find('before'), 'token_invalid', 'the withdrawn key is rejected');
  t.ok(await find('after'));
});

test('all keys with the id of the token, or without one, are tried; unusable keys are ignored', async (t) => {
  const [one, two, other] = await Promise.all([
    signingKey('ES256'),
    signingKey('ES256'),
    signingKey('ES256', 'other'),
  ]);
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const issuer = await startIssuer(t, one, two, other);
  const { publicJwk } = other;
  const jwks = [
    one.publicJwk,
    two.publicJwk,
    { ...publicJwk, kid: 'encrypting', use: 'enc' },
    { ...publicJwk, kid: 'signing', key_ops: ['sign'] },
    { ...publicJwk, kid: 'misnamed', alg: 'RS256' },
    { ...weak.publicKey.export({ format: 'jwk' }), kid: 'weak' },
    { kty: 'EC', crv: 'P-256', kid: 'broken' },
    { kty: 'oct', k: 'c2VjcmV0', kid: 'secret' },
  ];
  issuer.answer = { status: 200, body: JSON.stringify({ keys: jwks }) };
  const find = remoteKeys(issuer.url, () => undefined);
  const [first, second] = await Promise.all(
    [one, two].map(async (key) => find({ alg: 'ES256' }, await key.sign())),
  );
  t.not(first, second, 'each token gets the key that signed it');
  await rejects(
    t,
    find({ alg: 'ES256' }, await other.sign()),
    'token_invalid',
    'a key that signed neither',
  );
  for (const kid of ['encrypting', 'signing', 'misnamed', 'broken', 'secret']) {
    await rejects(t, find({ alg: 'ES256', kid }), 'token_invalid', kid);
  }
  await rejects(
    t,
    find({ alg: 'RS256', kid: 'weak' }),
    'token_invalid',
    'an RSA key of 1,024 bits',
  );
});

test('an Ed25519 key verifies both names of its algorithm', async (t) => {
  const key = await signingKey('EdDSA', 'ed');
  const issuer = await startIssuer(t);
  for (const alg of ['EdDSA', 'Ed25519', undefined]) {
    const body = JSON.stringify({ keys: [{ ...key.publicJwk, alg }] });
    issuer.answer = { status: 200, body };
    t.ok(await remoteKeys(issuer.url, () => undefined)({ alg: 'EdDSA', kid: 'ed' }), String(alg));
  }
});

test('the signature and the claims of tokens with both names of Ed25519 are verified', async (t) => {
  const key = await signingKey('EdDSA', 'ed');
  const other = await signingKey('EdDSA', 'ed');
  const issuer = await startIssuer(t);
  // Evaluated for each claim, because the test may take longer than the claims differ.
  const now = () => Math.floor(Date.now() / 1000);
  const good = { iss: 'https://issuer.test', aud: 'spaces' };
  for (const published of ['EdDSA', 'Ed25519', undefined]) {
    const keys = [{ ...key.publicJwk, alg: published }];
    issuer.answer = { status: 200, body: JSON.stringify({ keys }) };
    const token = { key: issuer.url, issuer: good.iss, audience: good.aud };
    const service = await startService(t, { token });
    for (const alg of ['EdDSA', 'Ed25519']) {
      const get = async (signer: typeof key, claims: Record<string, unknown>) => {
        const authorization = `Bearer ${await signer.sign({ ...good, ...claims }, { alg })}`;
        const request = { method: 'GET', path: '/namespaces', headers: { authorization } } as const;
        const { status, json } = await service.send(request);
        return status === 200 ? 200 : String(pick(json, 'detail'));
      };
      const title = `${alg} for ${published}`;
      t.equal(await get(key, {}), 200, title);
      t.match(
        await get(other, {}),
        /not a JWT, or the service does not accept its algorithm/,
        title,
      );
      t.match(await get(key, { exp: now() - 1 }), /has expired/, title);
      t.match(await get(key, { exp: undefined }), /"exp"/, title);
      t.equal(await get(key, { nbf: now() + 2 }), 200, `${title}: leeway`);
      t.match(await get(key, { nbf: now() + 60 }), /"nbf"/, title);
      t.match(await get(key, { iat: now() + 60 }), /"iat"/, title);
      t.match(await get(key, { iss: 'https://other.test' }), /"iss"/, title);
      t.match(await get(key, { aud: undefined }), /"aud"/, title);
    }
  }
});

test('a changed key set is reported, an equal one is not', async (t) => {
  const [one, two] = await Promise.all([signingKey('ES256', 'one'), signingKey('EdDSA', 'two')]);
  const issuer = await startIssuer(t, one);
  const { find, advance, changes } = keysAt(issuer);
  await find('one');
  t.equal(changes(), 0, 'the first set is no change');
  advance(COOL_DOWN_MS);
  await rejects(t, find('two', 'EdDSA'), 'token_invalid');
  t.equal(changes(), 0, 'the same set is no change');
  issuer.publish(one, two);
  advance(COOL_DOWN_MS);
  await find('two', 'EdDSA');
  t.equal(changes(), 1);
  issuer.publish();
  advance(COOL_DOWN_MS);
  await rejects(t, find('three'), 'token_invalid');
  await rejects(t, find('one'), 'token_invalid', 'an empty set withdraws every key');
  t.equal(changes(), 2);
});
