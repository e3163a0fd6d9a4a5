/** Valid and invalid claims of tokens. */
import { SignJWT } from 'jose';
import { test } from 'tap';
import type { ProblemCode } from '../../../src/errors.js';
import { SECRET, type Send, startService } from '../../helpers/app.js';
import { pickString } from '../../helpers/json.js';
import { isProblem } from '../../helpers/problem.js';

const sign = (claims: Record<string, unknown>) =>
  new SignJWT({ sub: 'alice', exp: now() + 3600, ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(Buffer.from(SECRET));

const now = () => Math.floor(Date.now() / 1000);

const read: Send = { method: 'GET', path: '/namespaces' };
const write: Send = { method: 'POST', path: '/namespaces', body: { slug: 'Not a slug' } };

test('scopes are read from scope and scp, as text or list, and must be in both where both are present', async (t) => {
  const service = await startService(t);
  const statuses = async (claims: Record<string, unknown>) => {
    const headers = { authorization: `Bearer ${await sign(claims)}` };
    const answers = await Promise.all(
      [read, write].map((request) => service.send({ ...request, headers })),
    );
    return answers.map(({ status }) => status);
  };
  const both = 'namespaces:read namespaces:write';
  const rows: [string, Record<string, unknown>, number[]][] = [
    ['neither', {}, [200, 400]],
    ['scope, text', { scope: 'namespaces:read' }, [200, 403]],
    ['scope, list', { scope: ['namespaces:read'] }, [200, 403]],
    ['scp, list', { scp: ['namespaces:read'] }, [200, 403]],
    ['scp, text', { scp: 'namespaces:write' }, [403, 400]],
    ['both, the same', { scope: both, scp: both.split(' ') }, [200, 400]],
    ['both, one wider', { scope: both, scp: ['namespaces:read'] }, [200, 403]],
    ['both, the other wider', { scope: 'namespaces:read', scp: both }, [200, 403]],
    ['both, nothing in common', { scope: 'spaces:read', scp: both }, [403, 403]],
    ['admin in one alone', { scope: 'admin', scp: ['spaces:read'] }, [403, 403]],
    ['admin in both', { scope: 'admin', scp: ['admin'] }, [200, 400]],
    ...[null, 1, true, {}, [1], [['namespaces:read']]].map(
      (scp): [string, Record<string, unknown>, number[]] => [
        `scp ${JSON.stringify(scp)}`,
        { scp },
        [403, 403],
      ],
    ),
  ];
  for (const [title, claims, expected] of rows) {
    t.strictSame(await statuses(claims), expected, title);
  }
});

test('a 403 for a scope names it in WWW-Authenticate; one for a role has no such header', async (t) => {
  const service = await startService(t);
  const owner = await service.as('olga');
  await owner.post('/namespaces', { slug: 'team' });
  await owner.put('/namespaces/team/members/vic', { role: 'viewer' });
  const narrow = await service.as('vic', 'spaces:read');
  const rejected = await narrow.post('/namespaces/team/spaces', { name: 'A' });
  isProblem(t, rejected, 'insufficient_scope');
  const challenge = String(rejected.headers['www-authenticate']);
  t.match(
    challenge,
    /^Bearer realm="spaces", error="insufficient_scope", error_description="[^"]+", scope="spaces:write"$/,
  );
  const viewer = await service.as('vic');
  const role = await viewer.post('/namespaces/team/spaces', { name: 'A' });
  isProblem(t, role, 'insufficient_role');
  t.equal(role.headers['www-authenticate'], undefined);
});

test('nbf and iat have a leeway of a few seconds, exp has none, and the detail names the invalid claim', async (t) => {
  const service = await startService(t);
  const send = async (claims: Record<string, unknown>) => {
    const headers = { authorization: `Bearer ${await sign(claims)}` };
    return service.send({ ...read, headers });
  };
  for (const claims of [{ nbf: now() + 2 }, { iat: now() + 2 }, { nbf: 0 }, { iat: 0 }]) {
    t.equal((await send(claims)).status, 200, JSON.stringify(claims));
  }
  const rows: [Record<string, unknown>, ProblemCode | '', string][] = [
    [{ nbf: now() + 60 }, 'token_invalid', 'nbf'],
    [{ iat: now() + 60 }, 'token_invalid', 'iat'],
    [{ exp: now() - 1 }, 'token_expired', ''],
    [{ exp: 1e20 }, 'token_invalid', 'exp'],
    [{ exp: -1e20 }, '', ''],
    [{ exp: 'soon' }, 'token_invalid', 'exp'],
    [{ exp: null }, 'token_invalid', ''],
    [{ sub: 1 }, 'token_invalid', 'sub'],
    [{ sub: '' }, 'token_invalid', 'sub'],
    [{ sub: 'a\0b' }, 'token_invalid', 'sub'],
    [{ nbf: 'x' }, 'token_invalid', 'nbf'],
  ];
  for (const [claims, code, claim] of rows) {
    const title = JSON.stringify(claims);
    const answer = await send(claims);
    if (code === '') t.equal(answer.status, 401, title);
    else isProblem(t, answer, code, title);
    if (claim !== '') t.match(pickString(answer.json, 'detail'), `"${claim}"`, title);
  }
});
