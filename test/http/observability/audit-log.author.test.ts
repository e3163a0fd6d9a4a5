import { SignJWT } from 'jose';
import { pino } from 'pino';
import { test } from 'tap';
import { SECRET, startService } from '../../helpers/app.js';
import { operations } from '../../helpers/operations.js';
import { seedNamespace } from '../../helpers/seed.js';

/** Signs a token that names another subject in every unverified claim. */
const signDisguised = (claims: Record<string, unknown>) =>
  new SignJWT({ sub: 'mallory', subject: 'alice', user: 'alice', name: 'alice', ...claims })
    .setProtectedHeader({ alg: 'HS256' })
    .sign(Buffer.from(SECRET));

test('the access log and the audit log name the verified subject of a request, or none', async (t) => {
  const lines: Record<string, unknown>[] = [];
  const logger = pino(
    { level: 'info' },
    { write: (line: string) => lines.push(JSON.parse(line) as Record<string, unknown>) },
  );
  const service = await startService(t, { logger });
  await seedNamespace(service, 'team');
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const tokens: [string, string | undefined, string][] = [
    ['a stranger', 'mallory', await signDisguised({ exp })],
    ['a token without the scope', 'mallory', await signDisguised({ exp, scope: 'none' })],
    ['an expired token', undefined, await signDisguised({ exp: 1 })],
    ['a token with a bad subject', undefined, await signDisguised({ exp, sub: '' })],
    ['no token', undefined, ''],
  ];
  for (const { title, request } of operations) {
    const { method, path, body, headers } = request('team');
    for (const [caller, author, token] of tokens) {
      lines.length = 0;
      const authorization = token === '' ? {} : { authorization: `Bearer ${token}` };
      await service.send({ method, path, body, headers: { ...headers, ...authorization } });
      const named = lines.map((line) => line['by'] ?? line['subject']);
      t.strictSame([...new Set(named)], [author], `${title}, ${caller}`);
    }
  }
});
