import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { type Test, test } from 'tap';
import { signToken } from '../../../src/development/token.js';
import { SECRET, startService } from '../../helpers/app.js';
import { members, seedNamespace } from '../../helpers/seed.js';

const LIST = '/namespaces/acme/spaces';

/** Starts a service with a namespace whose list is large; `get` returns the bytes of a response. */
async function startLarge(t: Test, compression?: boolean) {
  const service = await startService(t, {
    ...(compression !== undefined && { compression }),
    corsOrigins: ['https://app.example'],
  });
  await seedNamespace(service, 'acme');
  const owner = await service.as(members.owner);
  const large = { name: 'Large', description: 'ü'.repeat(2000) };
  await owner.post(LIST, large);
  const token = await signToken(SECRET, { subject: members.owner, expiresIn: '1 hour' });
  const get = (url: string, encoding?: string) =>
    service.app.inject({
      url,
      headers: {
        authorization: `Bearer ${token}`,
        ...(encoding !== undefined && { 'accept-encoding': encoding }),
      },
    });
  return { owner, get, plain: (await get(LIST)).body };
}

test('a large response is not compressed without configuration, and does not vary by Accept-Encoding', async (t) => {
  const { get } = await startLarge(t);
  const { headers } = await get(LIST, 'gzip, br');
  t.notOk('content-encoding' in headers);
  t.equal(headers.vary, 'origin', 'Vary');
});

test('a large response is compressed with the coding that Accept-Encoding prefers', async (t) => {
  const { get, plain } = await startLarge(t, true);
  for (const [accepted, coding] of [
    ['gzip, deflate, br', 'br'],
    ['gzip', 'gzip'],
    ['GZIP', 'gzip'],
    ['*', 'br'],
    ['br;q=0.5, gzip', 'gzip'],
    ['br;q=0, *', 'gzip'],
    ['identity;q=0.5, gzip;q=0.1, br;q=0.2', undefined],
    ['identity', undefined],
    ['deflate', undefined],
    ['gzip;q=0', undefined],
    ['*;q=0', undefined],
    ['', undefined],
    [undefined, undefined],
  ] as const) {
    const { headers, rawPayload } = await get(LIST, accepted);
    const title = accepted ?? 'none';
    t.equal(headers['content-encoding'], coding, title);
    t.equal(headers.vary, 'origin, accept-encoding', title);
    t.equal(Number(headers['content-length']), rawPayload.length, title);
    const read = { br: brotliDecompressSync, gzip: gunzipSync, none: (body: Buffer) => body };
    t.equal(read[coding ?? 'none'](rawPayload).toString(), plain, title);
    if (coding) t.ok(rawPayload.length < plain.length / 4, title);
  }
});

test('a small or empty response is not compressed', async (t) => {
  const { owner, get } = await startLarge(t, true);
  const etag = String((await get(`${LIST}/lab`)).headers['etag']);
  const headers = { 'accept-encoding': 'br' };
  const answers = {
    200: await get('/namespaces', 'br'),
    404: await get('/namespaces/none', 'br'),
    304: await owner.send({
      method: 'GET',
      path: `${LIST}/lab`,
      headers: { ...headers, 'if-none-match': etag },
    }),
    204: await owner.send({ method: 'DELETE', path: `${LIST}/lab`, headers }),
  };
  for (const [status, answer] of Object.entries(answers)) {
    t.equal(String('statusCode' in answer ? answer.statusCode : answer.status), status);
    t.notOk('content-encoding' in answer.headers, status);
    t.equal(answer.headers['vary'], 'origin', status);
  }
});

test('a large problem is compressed', async (t) => {
  const { get } = await startLarge(t, true);
  const unknown = Array.from({ length: 20 }, (_, index) => `k${index}=0`).join('&');
  const { statusCode, headers, rawPayload } = await get(`${LIST}?${unknown}`, 'gzip');
  t.equal(statusCode, 400);
  t.equal(headers['content-encoding'], 'gzip');
  t.match(JSON.parse(gunzipSync(rawPayload).toString()), { code: 'validation_failed' });
});

test('a response with a strong ETag is not compressed, because the tag identifies its bytes', async (t) => {
  const { get } = await startLarge(t, true);
  const { headers, body } = await get(`${LIST}/large`, 'gzip, br');
  t.match(headers['etag'], /^"/);
  t.ok(Buffer.byteLength(body) > 4000);
  t.notOk('content-encoding' in headers);
  const document = (await get('/openapi.json', 'gzip, br')).headers;
  t.match(
    document,
    { etag: /^W\/"/, 'content-encoding': 'br' },
    'a response with a weak ETag is compressed',
  );
});
