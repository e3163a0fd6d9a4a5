import t, { test } from 'tap';
import { startService } from '../../../helpers/app.js';
import { isProblem } from '../../../helpers/problem.js';
import { spaces } from './operations.js';
import { isReplay, post, startAcme } from './setup.js';

const service = await startService(t);

test('a replay of createNamespace is 404 for a removed member', async (t) => {
  const { owner } = await startAcme(t, service);
  const body = { slug: 'team' };
  const first = await post(owner, '/namespaces', 'key', body);
  t.equal(first.status, 201);
  const other = await service.as('other');
  await owner.put('/namespaces/team/members/other', { role: 'owner' });
  await other.patch('/namespaces/team', { name: 'Secret' });
  await other.delete(`/namespaces/team/members/${owner.subject}`);
  isProblem(t, await post(owner, '/namespaces', 'key', body), 'namespace_not_found');
  await other.put(`/namespaces/team/members/${owner.subject}`, { role: 'viewer' });
  isReplay(t, await post(owner, '/namespaces', 'key', body), first, 'as a member again');
});

test('a replay requires the current role', async (t) => {
  const { owner } = await startAcme(t, service);
  const editor = await service.as('ed');
  const attempt = () => post(editor, spaces, 'key', { name: 'Lab' });
  const restore = () => post(editor, `${spaces}/lab/restore`, 'key');
  t.equal((await attempt()).status, 201);
  t.equal((await restore()).status, 200);
  await owner.put('/namespaces/acme/members/ed', { role: 'viewer' });
  for (const send of [attempt, restore]) isProblem(t, await send(), 'insufficient_role');
  await owner.delete('/namespaces/acme/members/ed');
  for (const send of [attempt, restore]) isProblem(t, await send(), 'namespace_not_found');
  const narrow = await service.as('ed', 'spaces:read');
  isProblem(t, await post(narrow, spaces, 'key', { name: 'Lab' }), 'insufficient_scope');

  await owner.put('/namespaces/acme/members/ed', { role: 'owner' });
  const restoreNamespace = () => post(editor, '/namespaces/acme/restore', 'key');
  t.equal((await restoreNamespace()).status, 200);
  await owner.put('/namespaces/acme/members/ed', { role: 'editor' });
  isProblem(t, await restoreNamespace(), 'insufficient_role');
  await owner.delete('/namespaces/acme/members/ed');
  isProblem(t, await restoreNamespace(), 'namespace_not_found');
});
