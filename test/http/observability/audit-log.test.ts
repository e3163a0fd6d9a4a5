import { pino } from 'pino';
import { test } from 'tap';
import { startService } from '../../helpers/app.js';
import { fill } from '../../helpers/filled.js';
import { pick } from '../../helpers/json.js';
import { memoryLogger } from '../../helpers/logger.js';
import { operations } from '../../helpers/operations.js';
import { members, seedNamespace } from '../../helpers/seed.js';

const isAudit = (line: unknown) => typeof line === 'object' && line !== null && 'audit' in line;

test('every write is audited with subject, operation and resource; reads are not', async (t) => {
  const { logger, lines } = memoryLogger();
  const service = await startService(t, { logger });
  const owner = await service.as(members.owner);
  for (const [index, { title, id, scope, status, request }] of operations.entries()) {
    const namespace = `team-${index}`;
    await seedNamespace(service, namespace);
    const before = lines().length;
    const headers = { 'x-request-id': `mine-${index}` };
    await owner.send({ ...request(namespace), headers: { ...request('').headers, ...headers } });
    const audit = lines().slice(before).filter(isAudit);
    if (scope.endsWith(':read')) {
      t.same(audit, [], title);
    } else {
      const line = { level: 30, audit: true, reqId: `mine-${index}`, by: members.owner };
      t.match(audit, [{ ...line, operation: id, status, outcome: 'ok' }], title);
      if (id !== 'createNamespace') t.match(audit, [{ namespace }], title);
    }
  }
});

test('an audit line names the space, the member and the created resources, and marks a replay', async (t) => {
  const { logger, lines } = memoryLogger();
  const service = await startService(t, { logger });
  await seedNamespace(service, 'acme');
  const owner = await service.as(members.owner);
  const before = lines().length;
  await owner.post('/namespaces', { slug: 'new' });
  await owner.post('/namespaces/acme/spaces', { name: 'Arm' });
  await owner.patch('/namespaces/acme/projects/arm', { slug: 'hand' });
  await owner.put('/namespaces/acme/members/bob', { role: 'viewer' });
  const path = '/namespaces/acme/spaces';
  const keyed = { headers: { 'idempotency-key': 'one' }, body: { name: 'Leg' } };
  for (let time = 1; time <= 2; time += 1) await owner.send({ method: 'POST', path, ...keyed });
  await owner.post(`${path}/batch`, { spaces: [{ name: 'Head' }, { name: 'Foot' }] });
  t.match(lines().slice(before).filter(isAudit), [
    { operation: 'createNamespace', created: '/namespaces/new' },
    { operation: 'createSpace', namespace: 'acme', created: '/namespaces/acme/projects/arm' },
    { operation: 'updateSpace', namespace: 'acme', space: 'arm' },
    { operation: 'putMember', namespace: 'acme', member: 'bob' },
    { operation: 'createSpace', outcome: 'ok', replayed: undefined },
    { operation: 'createSpace', outcome: 'ok', replayed: 'true' },
    {
      operation: 'createSpaces',
      namespace: 'acme',
      created: ['/namespaces/acme/projects/head', '/namespaces/acme/projects/foot'],
    },
  ]);
});

test('an audit line of a write to a folder, an episode or an asset names it', async (t) => {
  const { logger, lines } = memoryLogger();
  const service = await startService(t, { logger });
  await seedNamespace(service, 'acme');
  const owner = await service.as(members.owner);
  await fill(owner, 'lab');
  const path = '/namespaces/acme/projects/lab';
  const idOf = async (kind: string) =>
    String(pick((await owner.get(`${path}/${kind}`)).json, kind, 0, 'id'));
  const [folder, asset] = [await idOf('folders'), await idOf('assets')];
  const of = { namespace: 'acme', space: 'lab' };
  const before = lines().length;
  await owner.patch(`${path}/folders/${folder}`, { metadata: {} });
  await owner.patch(`${path}/assets/${asset}`, { metadata: {} });
  await owner.patch(`${path}/episodes/run`, { metadata: {} });
  await owner.delete(`${path}/assets/${asset}`);
  await owner.send({ method: 'POST', path: `${path}/assets/${asset}/restore` });
  await owner.delete(`${path}/episodes/run`);
  await owner.send({ method: 'POST', path: `${path}/episodes/run/restore` });
  await owner.delete(`${path}/folders/none`);
  await owner.delete(`${path}/episodes/none`);
  t.match(lines().slice(before).filter(isAudit), [
    { operation: 'updateFolder', ...of, folder, outcome: 'ok' },
    { operation: 'updateAsset', ...of, asset, outcome: 'ok' },
    { operation: 'updateEpisode', ...of, episode: 'run', outcome: 'ok' },
    { operation: 'deleteAsset', ...of, asset, outcome: 'ok' },
    { operation: 'restoreAsset', ...of, asset, outcome: 'ok' },
    { operation: 'deleteEpisode', ...of, episode: 'run', outcome: 'ok' },
    { operation: 'restoreEpisode', ...of, episode: 'run', outcome: 'ok' },
    { operation: 'deleteFolder', ...of, folder: 'none' },
    { operation: 'deleteEpisode', ...of, episode: 'none', outcome: 'episode_not_found' },
  ]);
});

test('a rejected write is audited with its problem code', async (t) => {
  const { logger, lines } = memoryLogger();
  const service = await startService(t, { logger });
  await seedNamespace(service, 'acme');
  const viewer = await service.as(members.viewer);
  const reader = await service.as(members.owner, 'spaces:read');
  const stranger = await service.as('mallory');
  const before = lines().length;
  const path = '/namespaces/acme/spaces';
  await viewer.post(path, { name: 'Arm' });
  await reader.post(path, { name: 'Arm' });
  await stranger.post(path, { name: 'Arm' });
  await service.send({ method: 'POST', path, body: { name: 'Arm' } });
  await viewer.post(path, { name: 1 });
  t.match(lines().slice(before).filter(isAudit), [
    { by: members.viewer, status: 403, outcome: 'insufficient_role' },
    { status: 403, outcome: 'insufficient_scope' },
    { by: 'mallory', status: 404, outcome: 'namespace_not_found' },
    { by: undefined, status: 401, outcome: 'token_missing' },
    { by: members.viewer, status: 400, outcome: 'validation_failed' },
  ]);
});

test('audit lines are written even at the log level fatal', async (t) => {
  const { logger, lines } = memoryLogger();
  logger.level = pino.levels.labels[60] ?? '';
  const service = await startService(t, { logger });
  const alice = await service.as('alice');
  await alice.post('/namespaces', { slug: 'acme' });
  await alice.get('/namespaces/acme');
  t.match(lines(), [{ audit: true, operation: 'createNamespace' }]);
  t.equal(lines().length, 1);
});
