import { test } from 'tap';
import { namespaceResolver } from '../../src/repositories/access/namespace-resolver.js';
import { startCounted } from '../helpers/proxy.js';

test('the cache of slugs is bounded, and keeps the last used', async (t) => {
  const { service, proxy } = await startCounted(t);
  const alice = await service.as('alice');
  for (const slug of ['a', 'b', 'c']) await alice.post('/namespaces', { slug });

  const resolve = namespaceResolver(service.db, 2);
  const lookups = async (slug: string) => {
    const principal = { subject: 'alice', admin: false };
    const { statements } = await proxy.count(() =>
      resolve(principal, slug, () => Promise.resolve({ access: { role: 'owner' as const } })),
    );
    return statements;
  };
  const found: number[] = [];
  for (const slug of ['a', 'b', 'a', 'b', 'c', 'b', 'c', 'a', 'b']) found.push(await lookups(slug));
  t.same(found, [1, 1, 0, 0, 1, 0, 0, 1, 1]);
});
