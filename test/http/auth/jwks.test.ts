import { type Test, test } from 'tap';
import { startService } from '../../helpers/app.js';
import { movableClock } from '../../helpers/clock.js';
import { type Issuer, signingKey, startIssuer } from '../../helpers/issuer.js';
import { isProblem } from '../../helpers/problem.js';

const COOL_DOWN_MS = 30_000;

/** @returns a service that accepts the tokens of an issuer, and a function that sends one */
async function startFor(t: Test, issuer: Issuer) {
  const service = await startService(t, {
    token: { key: issuer.url, issuer: null, audience: null },
  });
  return (token: string, path = '/namespaces') =>
    service.send({
      method: 'GET',
      path,
      headers: { authorization: `Bearer ${token}` },
    });
}

test('RS256, ES256 and EdDSA tokens are accepted from one key set', async (t) => {
  const algorithms = ['RS256', 'ES256', 'EdDSA'] as const;
  const keys = await Promise.all(algorithms.map((alg) => signingKey(alg, alg)));
  const issuer = await startIssuer(t, ...keys);
  const call = await startFor(t, issuer);
  for (const [index, key] of keys.entries()) {
    t.equal((await call(await key.sign())).status, 200, algorithms[index] ?? '');
  }
  t.equal(issuer.requests, 1);
});

test('a key without an id verifies tokens without one', async (t) => {
  for (const alg of ['RS256', 'ES256', 'EdDSA'] as const) {
    const key = await signingKey(alg);
    const call = await startFor(t, await startIssuer(t, key));
    t.equal((await call(await key.sign())).status, 200, alg);
  }
});

test('a single key with an id verifies tokens without one', async (t) => {
  const key = await signingKey('ES256', 'only');
  const call = await startFor(t, await startIssuer(t, key));
  t.equal((await call(await key.sign({}, { kid: undefined }))).status, 200);
});

test('a token signed with another key than its kid names is rejected', async (t) => {
  const [good, other, unpublished] = await Promise.all([
    signingKey('ES256', 'good'),
    signingKey('RS256', 'other'),
    signingKey('ES256', 'unpublished'),
  ]);
  const call = await startFor(t, await startIssuer(t, good, other));
  const invalid = {
    'a key that is not published': await unpublished.sign(),
    'a key under the id of another': await unpublished.sign({}, { kid: 'good' }),
    'a key under the id of another kind': await good.sign({}, { kid: 'other' }),
    'a key that the token contains': await unpublished.sign({}, { jwk: unpublished.publicJwk }),
  };
  for (const [title, token] of Object.entries(invalid)) {
    isProblem(t, await call(token), 'token_invalid', title);
  }
});

test('keys are fetched from the configured URL only', async (t) => {
  const key = await signingKey('ES256', 'good');
  const attacker = await signingKey('ES256', 'evil');
  const issuer = await startIssuer(t, key);
  const elsewhere = await startIssuer(t, attacker);
  const call = await startFor(t, issuer);
  const { href, origin } = elsewhere.url;
  const tokens = {
    iss: await attacker.sign({ iss: origin }),
    jku: await attacker.sign({}, { jku: href }),
    x5u: await attacker.sign({}, { x5u: href }),
    'a kid that is a URL': await attacker.sign({}, { kid: href }),
    'all of them under a known kid': await attacker.sign(
      { iss: origin },
      { kid: 'good', jku: href, x5u: href },
    ),
  };
  for (const [title, token] of Object.entries(tokens)) {
    isProblem(t, await call(token), 'token_invalid', title);
  }
  t.equal(elsewhere.requests, 0, 'no other URL is fetched');
  t.equal((await call(await key.sign({ iss: origin }))).status, 200);
  t.equal(elsewhere.requests, 0);
});

test('a hundred concurrent requests cause one fetch', async (t) => {
  const key = await signingKey('ES256', 'key');
  const issuer = await startIssuer(t, key);
  const call = await startFor(t, issuer);
  const tokens = await Promise.all(
    Array.from({ length: 100 }, (_, index) => key.sign({ sub: `caller-${index}` })),
  );
  // An accepted token gets 400, which needs no database.
  const answers = await Promise.all(tokens.map((token) => call(token, '/namespaces?page=0')));
  t.same(new Set(answers.map(({ status }) => status)), new Set([400]));
  for (const token of tokens) t.equal((await call(token)).status, 200, token);
  t.equal(issuer.requests, 1);
});

test('a rotated key is fetched, and tokens of the withdrawn one are rejected', async (t) => {
  const advance = movableClock(t);
  const [before, after] = await Promise.all([
    signingKey('ES256', 'before'),
    signingKey('ES256', 'after'),
  ]);
  const issuer = await startIssuer(t, before);
  const call = await startFor(t, issuer);
  const old = await before.sign();
  t.equal((await call(old)).status, 200);

  issuer.publish(before, after);
  advance(COOL_DOWN_MS);
  t.equal((await call(await after.sign())).status, 200, 'the new key is known');
  t.equal((await call(old)).status, 200, 'the old one still is');

  issuer.publish(after);
  advance(COOL_DOWN_MS);
  isProblem(t, await call(await before.sign({}, { kid: 'unknown' })), 'token_invalid');
  isProblem(t, await call(old), 'token_invalid', 'a cached token of a withdrawn key');
  t.equal((await call(await after.sign())).status, 200);
});

test('a rotated key is fetched although the clock was set back', async (t) => {
  const clock = movableClock(t);
  const [before, after] = await Promise.all([
    signingKey('ES256', 'before'),
    signingKey('ES256', 'after'),
  ]);
  const issuer = await startIssuer(t, before);
  const call = await startFor(t, issuer);
  const hour = 3_600_000;
  const iat = Math.floor(Date.now() / 1000) - 2 * 3600;
  t.equal((await call(await before.sign({ iat }))).status, 200);
  issuer.publish(after);
  clock.setBack(hour);
  clock(COOL_DOWN_MS);
  t.equal((await call(await after.sign({ iat }))).status, 200);
});

test('known keys stay valid during an outage of the issuer', async (t) => {
  const advance = movableClock(t);
  const key = await signingKey('ES256', 'key');
  const unknown = await signingKey('ES256', 'unknown');
  const issuer = await startIssuer(t, key);
  const call = await startFor(t, issuer);
  t.equal((await call(await key.sign())).status, 200);

  const outages: Record<string, Issuer['answer']> = {
    500: { status: 500, body: 'oops' },
    404: { status: 404, body: '{"keys":[]}' },
    'no JSON': { status: 200, body: '<html>' },
    'no key set': { status: 200, body: '{"keys":"none"}' },
    'keys that are none': { status: 200, body: '{"keys":[1,null]}' },
    null: { status: 200, body: 'null' },
  };
  for (const [title, answer] of Object.entries(outages)) {
    issuer.answer = answer;
    advance(COOL_DOWN_MS);
    const { requests } = issuer;
    isProblem(t, await call(await unknown.sign()), 'token_invalid', title);
    t.equal(issuer.requests, requests + 1, `${title}: keys are fetched`);
    const token = await key.sign({ jti: title });
    t.equal((await call(token)).status, 200, `${title}: the known key is kept`);
  }
  await issuer.close();
  advance(COOL_DOWN_MS);
  isProblem(t, await call(await unknown.sign()), 'token_invalid', 'closed');
  t.equal((await call(await key.sign({ jti: 'closed' }))).status, 200, 'closed');
});

test('requests are 503 without details until keys are fetched', async (t) => {
  const advance = movableClock(t);
  const key = await signingKey('ES256', 'key');
  const issuer = await startIssuer(t);
  const call = await startFor(t, issuer);
  issuer.answer = { status: 500, body: 'secret of the issuer' };
  for (const title of ['the first request', 'a second one within the cool-down']) {
    const answer = await call(await key.sign());
    isProblem(t, answer, 'unavailable', title);
    t.equal(answer.headers['retry-after'], '1', title);
    t.notMatch(answer.text, /127\.0\.0\.1|secret/, title);
    t.equal(issuer.requests, 1, title);
  }
  issuer.publish(key);
  advance(1_000);
  t.equal((await call(await key.sign())).status, 200, 'as soon as the issuer answers');
});

test('a redirect of the issuer is not followed', async (t) => {
  const key = await signingKey('ES256', 'key');
  const elsewhere = await startIssuer(t, key);
  const issuer = await startIssuer(t);
  const call = await startFor(t, issuer);
  issuer.answer = { status: 302, body: '', headers: { location: elsewhere.url.href } };
  isProblem(t, await call(await key.sign()), 'unavailable');
  t.equal(elsewhere.requests, 0);
});
