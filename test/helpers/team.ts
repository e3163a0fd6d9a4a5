import type { Test } from 'tap';
import { type Client, startService } from './app.js';

/** @returns the owner of the namespace `team`, which has the space `lab` */
export async function startTeam(t: Test): Promise<Client> {
  const service = await startService(t);
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'team' });
  await alice.post('/namespaces/team/spaces', { name: 'Lab' });
  return alice;
}
