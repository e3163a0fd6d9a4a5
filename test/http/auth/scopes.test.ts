import { SignJWT } from 'jose';
import { test } from 'tap';
import type { Scope } from '../../../src/http/auth/scopes.js';
import { type Answer, SECRET, type Send, type Service, startService } from '../../helpers/app.js';
import { pick } from '../../helpers/json.js';
import { isOpenApi } from '../../helpers/openapi.js';
import { operations, operationsWithin } from '../../helpers/operations.js';
import { isProblem } from '../../helpers/problem.js';
import { members, seedNamespace } from '../../helpers/seed.js';

const scopes: Scope[] = ['namespaces:read', 'namespaces:write', 'spaces:read', 'spaces:write'];

/** Sends with a token whose `scope` claim is anything at all. */
async function sendWithClaim(service: Service, scope: unknown, request: Send): Promise<Answer> {
  const token = await new SignJWT({ sub: 'stranger', scope })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1 hour')
    .sign(new TextEncoder().encode(SECRET));
  const headers = { authorization: `Bearer ${token}`, ...request.headers };
  return service.send({ ...request, headers });
}

test('the document declares the scope of each operation', async (t) => {
  const service = await startService(t);
  const { json } = await service.send({ method: 'GET', path: '/openapi.json' });
  if (!isOpenApi(json)) throw new Error('There is no document');
  const documented = new Map<unknown, string[]>();
  for (const methods of Object.values(json.paths)) {
    for (const operation of Object.values(methods)) {
      // An operation without a token declares an empty list.
      if (!operation.security?.length) continue;
      t.same(operation.security, [{ bearerAuth: [] }], String(operation.operationId));
      const words = String(pick(operation, 'description')).matchAll(/Needs the scope `([^`]+)`/g);
      documented.set(
        operation.operationId,
        Array.from(words, ([, scope]) => String(scope)),
      );
    }
  }
  const expected = new Map(operations.map(({ id, scope }) => [id, [scope]]));
  const sorted = (map: Map<unknown, string[]>) => [...map].sort();
  t.same(sorted(documented), sorted(expected));
});

test('an operation requires its scope and no other', async (t) => {
  const service = await startService(t);
  for (const { title, scope, request } of operations) {
    const others = scopes.filter((other) => other !== scope).join(' ');
    const without = await sendWithClaim(service, others, request('none'));
    isProblem(t, without, 'insufficient_scope', `${title} with ${others}`);
    t.match(without.json, { detail: new RegExp(`"${scope}"`) }, `${title} names its scope`);

    const answer = await sendWithClaim(service, `profile ${scope}`, request('none'));
    t.not(answer.status, 401, `${title} with ${scope}`);
    t.not(answer.status, 403, `${title} with ${scope}`);
  }
});

test('a token without the claim has every scope but admin', async (t) => {
  const service = await startService(t);
  const bob = await service.as('bob');
  for (const [index, { title, status, role, request }] of operations.entries()) {
    await seedNamespace(service, `ns-${index}`);
    const owner = await service.as(members.owner);
    t.equal((await owner.send(request(`ns-${index}`))).status, status, `${title} in one's own`);
    if (role === null) continue;
    const foreign = await bob.send(request(`ns-${index}`));
    isProblem(t, foreign, 'namespace_not_found', `${title} in another's`);
  }
});

test('a scope claim without a known scope grants nothing', async (t) => {
  const service = await startService(t);
  const claims: Record<string, unknown> = {
    empty: '',
    blank: '   ',
    unknown: 'openid profile',
    'in capitals': 'SPACES:READ NAMESPACES:READ ADMIN',
    'a prefix': 'spaces namespaces spaces: admi',
    'a wildcard': '* spaces:*',
    'separated by commas': scopes.join(','),
    'separated by tabs': scopes.join('\t'),
    'an array of others': ['openid', 1, scopes],
    'an object': { admin: true },
    'a number': 1,
    true: true,
    null: null,
  };
  for (const [title, claim] of Object.entries(claims)) {
    for (const { request } of operations.filter(({ id }) => /^(list|create)/.test(id))) {
      const answer = await sendWithClaim(service, claim, request('none'));
      isProblem(t, answer, 'insufficient_scope', title);
    }
  }
});

test('403 for a scope precedes every check after authentication', async (t) => {
  const service = await startService(t);
  await seedNamespace(service, 'acme');
  const reader = await service.as(members.owner, 'spaces:read');
  const requests: Record<string, Send> = {
    'body too large': { method: 'POST', path: '/namespaces', body: 'a'.repeat(70_000) },
    'wrong content type': {
      method: 'POST',
      path: '/namespaces/acme/spaces',
      body: '<a/>',
      headers: { 'content-type': 'text/xml' },
    },
    'broken JSON': { method: 'POST', path: '/namespaces/acme/spaces', body: '{' },
    'invalid query': { method: 'GET', path: '/namespaces?page=0' },
    'no such namespace': { method: 'DELETE', path: '/namespaces/none' },
    'no such space': { method: 'DELETE', path: '/namespaces/acme/spaces/none' },
    'a slug that is taken': {
      method: 'POST',
      path: '/namespaces/acme/spaces',
      body: { name: 'Lab' },
    },
  };
  for (const [title, request] of Object.entries(requests)) {
    isProblem(t, await reader.send(request), 'insufficient_scope', title);
  }
});

test('the scope admin grants the role owner in every namespace', async (t) => {
  const service = await startService(t);
  for (const scope of ['admin', 'spaces:read admin']) {
    const admin = await service.as('trusted-service', scope);
    for (const [index, { title, status, request }] of operationsWithin.entries()) {
      const slug = `ns-${index}-${scope.length}`;
      await seedNamespace(service, slug);
      t.equal((await admin.send(request(slug))).status, status, `${title} with ${scope}`);
    }
  }
});

test('the scope admin adds no membership', async (t) => {
  const service = await startService(t);
  await seedNamespace(service, 'acme');
  const admin = await service.as('trusted-service', 'admin');
  t.match((await admin.get('/namespaces')).json, { namespaces: [], total: 0 });
  await admin.put('/namespaces/acme/members/bob', { role: 'editor' });
  const members = await admin.get('/namespaces/acme/members');
  t.notOk(members.text.includes('trusted-service'));

  t.equal((await admin.post('/namespaces', { slug: 'own' })).status, 201);
  t.match((await admin.get('/namespaces')).json, { namespaces: [{ slug: 'own', role: 'owner' }] });
});
