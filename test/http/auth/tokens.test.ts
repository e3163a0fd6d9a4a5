import { createHmac, createPublicKey } from 'node:crypto';
import { CompactSign, SignJWT } from 'jose';
import { test } from 'tap';
import type { ProblemCode } from '../../../src/errors.js';
import { SECRET, type Send, type Service, startService } from '../../helpers/app.js';
import { movableClock } from '../../helpers/clock.js';
import { signingKey, startIssuer } from '../../helpers/issuer.js';
import { operations } from '../../helpers/operations.js';
import { isProblem } from '../../helpers/problem.js';

const ISSUER = 'https://issuer.test';
const AUDIENCE = 'spaces';
const now = Math.floor(Date.now() / 1000);
const valid = { sub: 'alice', iss: ISSUER, aud: AUDIENCE, exp: now + 3600 };

/** Signs a token with a secret; undefined claims are left out. */
function sign(claims: Record<string, unknown>, { secret = SECRET, alg = 'HS256' } = {}) {
  return new SignJWT({ ...valid, ...claims })
    .setProtectedHeader({ alg })
    .sign(new TextEncoder().encode(secret));
}

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** Signs an HS256 token that jose rejects. */
function handmade(header: object, payload: unknown, secret: string | Buffer = SECRET): string {
  const input = `${base64url(header)}.${base64url(payload)}`;
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`;
}

const read = (service: Service, authorization?: string, path = '/namespaces') =>
  service.send({ method: 'GET', path, ...(authorization && { headers: { authorization } }) });

const startStrict = (t: Parameters<typeof startService>[0]) =>
  startService(t, { token: { key: SECRET, issuer: ISSUER, audience: AUDIENCE } });

test('a valid token is accepted', async (t) => {
  const service = await startStrict(t);
  const tokens = {
    'all claims': await sign({}),
    'one audience of several': await sign({ aud: ['others', AUDIENCE] }),
    'an nbf in the past': await sign({ nbf: now - 10 }),
    'a sub of 255 characters': await sign({ sub: 'é'.repeat(255) }),
    'a sub of any Unicode': await sign({ sub: '机器人 🤖' }),
    'unknown claims': await sign({ email: 'alice@example.com', groups: ['a'] }),
  };
  for (const [title, token] of Object.entries(tokens)) {
    t.equal((await read(service, `Bearer ${token}`)).status, 200, title);
    t.equal((await read(service, `Bearer ${token}`)).status, 200, `${title}, again`);
  }
  t.equal((await read(service, `bearer ${await sign({})}`)).status, 200, 'a scheme in lower case');
});

test('every invalid token is 401', async (t) => {
  const service = await startStrict(t);
  const token = await sign({});
  const [header, payload, signature] = token.split('.');
  const none = `${base64url({ alg: 'none' })}.${base64url(valid)}`;
  const rs256 = await signingKey('RS256');
  const invalid = {
    malformed: 'no-token',
    'three invalid parts': 'a.b.c',
    'two tokens': `${token} ${token}`,
    'without a signature': `${String(header)}.${String(payload)}.`,
    'with the signature of another': `${String(header)}.${base64url({ ...valid, sub: 'bob' })}.${String(signature)}`,
    'a payload that is no object': await new CompactSign(Buffer.from('"alice"'))
      .setProtectedHeader({ alg: 'HS256' })
      .sign(Buffer.from(SECRET)),
    'not yet valid': await sign({ nbf: now + 3600 }),
    'an nbf beyond every date': handmade({ alg: 'HS256' }, { ...valid, nbf: 1e300 }),
    'alg none': `${none}.`,
    'alg none with a signature': `${none}.${String(signature)}`,
    'alg NONE': `${base64url({ alg: 'NONE' })}.${base64url(valid)}.`,
    'no alg': handmade({ typ: 'JWT' }, valid),
    'wrong secret': await sign({}, { secret: `${SECRET}!` }),
    'empty secret': handmade({ alg: 'HS256' }, valid, ''),
    HS384: await sign({}, { alg: 'HS384' }),
    HS512: await sign({}, { alg: 'HS512' }),
    'RS256 against a secret': await rs256.sign(valid),
    'an unknown extension': handmade({ alg: 'HS256', crit: ['exp'], exp: 1 }, valid),
    'wrong issuer': await sign({ iss: 'https://elsewhere.test' }),
    'issuer in part': await sign({ iss: `${ISSUER}/` }),
    'no issuer': await sign({ iss: undefined }),
    'wrong audience': await sign({ aud: 'others' }),
    'no audience': await sign({ aud: undefined }),
    'an empty list of audiences': await sign({ aud: [] }),
    'no sub': await sign({ sub: undefined }),
    'empty sub': await sign({ sub: '' }),
    'sub of 256 characters': await sign({ sub: 'a'.repeat(256) }),
    'sub with U+0000': await sign({ sub: 'ali\0ce' }),
    'sub with a lone surrogate': await sign({ sub: 'ali\ud800ce' }),
    'sub that is a number': handmade({ alg: 'HS256' }, { ...valid, sub: 1 }),
    'sub that is an array': handmade({ alg: 'HS256' }, { ...valid, sub: ['alice'] }),
    'sub that is null': handmade({ alg: 'HS256' }, { ...valid, sub: null }),
    'no exp': await sign({ exp: undefined }),
    'exp that is a string': handmade({ alg: 'HS256' }, { ...valid, exp: String(valid.exp) }),
    'exp that is null': handmade({ alg: 'HS256' }, { ...valid, exp: null }),
  };
  const headers: [title: string, authorization: string | undefined, code: ProblemCode][] = [
    ['none', undefined, 'token_missing'],
    ['another scheme', 'Basic YWxpY2U6c2VjcmV0', 'token_missing'],
    ['the token alone', token, 'token_missing'],
    ['the scheme alone', 'Bearer', 'token_missing'],
    ['expired', `Bearer ${await sign({ exp: now - 10 })}`, 'token_expired'],
    ...Object.entries(invalid).map(
      ([title, made]) =>
        [title, `Bearer ${made}`, 'token_invalid'] as [string, string, ProblemCode],
    ),
  ];
  for (const [title, authorization, code] of headers) {
    const answer = await read(service, authorization);
    isProblem(t, answer, code, title);
    t.match(
      answer.headers['www-authenticate'],
      code === 'token_missing'
        ? /^Bearer realm="spaces"$/
        : /^Bearer realm="spaces", error="invalid_token", error_description="[^"]+"$/,
      `${title}: challenge`,
    );
  }
});

test('a public key is not accepted as a shared secret', async (t) => {
  const key = await signingKey('RS256', 'key');
  const issuer = await startIssuer(t, key);
  const service = await startService(t, {
    token: { key: issuer.url, issuer: null, audience: null },
  });
  t.equal((await read(service, `Bearer ${await key.sign()}`)).status, 200);

  const published = createPublicKey({ key: { ...key.publicJwk, kty: 'RSA' }, format: 'jwk' });
  const forms = {
    PEM: published.export({ type: 'spki', format: 'pem' }),
    'PEM without the last line break': String(
      published.export({ type: 'spki', format: 'pem' }),
    ).trimEnd(),
    'PKCS #1': published.export({ type: 'pkcs1', format: 'pem' }),
    DER: published.export({ type: 'spki', format: 'der' }),
    JWK: JSON.stringify(key.publicJwk),
  };
  for (const [title, secret] of Object.entries(forms)) {
    for (const kid of ['key', undefined]) {
      const token = handmade({ alg: 'HS256', ...(kid && { kid }) }, valid, secret);
      isProblem(t, await read(service, `Bearer ${token}`), 'token_invalid', title);
    }
  }
});

test('a token is read from the Authorization header only', async (t) => {
  const service = await startService(t);
  const token = await sign({});
  const elsewhere: Send[] = [
    { method: 'GET', path: `/namespaces?access_token=${token}` },
    { method: 'GET', path: `/namespaces?token=${token}&authorization=Bearer%20${token}` },
    { method: 'GET', path: '/namespaces', headers: { cookie: `token=${token}` } },
    { method: 'POST', path: '/namespaces', body: { slug: 'acme', access_token: token } },
  ];
  for (const request of elsewhere) isProblem(t, await service.send(request), 'token_missing');
});

test('401 precedes every other check of the request', async (t) => {
  const service = await startService(t);
  const requests: Record<string, Send> = {
    'body too large': {
      method: 'POST',
      path: '/namespaces',
      body: { slug: 'a', name: 'a'.repeat(70_000) },
    },
    'wrong content type': {
      method: 'POST',
      path: '/namespaces',
      body: '<a/>',
      headers: { 'content-type': 'text/xml' },
    },
    'broken JSON': { method: 'POST', path: '/namespaces', body: '{' },
    'invalid body': { method: 'POST', path: '/namespaces', body: { slug: 1 } },
    'invalid query': { method: 'GET', path: '/namespaces?page=0' },
    'no such namespace': { method: 'GET', path: '/namespaces/none' },
    'impossible slug': { method: 'GET', path: '/namespaces/Not%20One/spaces' },
    'impossible subject': {
      method: 'PUT',
      path: '/namespaces/none/members/a%00b',
      body: { role: 'owner' },
    },
    'endless slug': { method: 'GET', path: `/namespaces/${'a'.repeat(8000)}` },
  };
  const expired = `Bearer ${await sign({ exp: now - 10 })}`;
  for (const [title, request] of Object.entries(requests)) {
    isProblem(t, await service.send(request), 'token_missing', title);
    const headers = { authorization: expired, ...request.headers };
    isProblem(t, await service.send({ ...request, headers }), 'token_expired', title);
  }
  for (const { title, request } of operations) {
    isProblem(t, await service.send(request('none')), 'token_missing', title);
  }
  const head = await service.send({ method: 'HEAD', path: '/namespaces' });
  t.equal(head.status, 401, 'HEAD');
});

test('a cached token is accepted until its exp and no longer', async (t) => {
  const advance = movableClock(t);
  const service = await startService(t);
  const exp = Math.floor(Date.now() / 1000) + 600;
  const authorization = `Bearer ${await sign({ exp })}`;
  t.equal((await read(service, authorization)).status, 200, 'verified');
  advance(500_000);
  t.equal((await read(service, authorization)).status, 200, 'cached');
  advance(101_000);
  isProblem(t, await read(service, authorization), 'token_expired', 'cached and expired');
});

test('a cached token does not admit a similar one', async (t) => {
  const service = await startService(t);
  const token = await sign({});
  t.equal((await read(service, `Bearer ${token}`)).status, 200);
  for (const other of [`${token}x`, token.slice(0, -4), `${token}.`, token.toLowerCase()]) {
    isProblem(t, await read(service, `Bearer ${other}`), 'token_invalid');
  }
});

test('public paths need no token', async (t) => {
  const service = await startService(t);
  for (const path of [
    '/',
    '/livez',
    '/readyz',
    '/openapi.json',
    '/openapi-3.0.json',
    '/openapi.yaml',
    '/docs/',
  ]) {
    t.equal((await read(service, undefined, path)).status, 200, path);
  }
});
