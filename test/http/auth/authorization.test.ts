import { test } from 'tap';
import type { Answer } from '../../helpers/app.js';
import { startService } from '../../helpers/app.js';
import { operations, operationsWithin } from '../../helpers/operations.js';
import { isProblem } from '../../helpers/problem.js';
import { startCounted } from '../../helpers/proxy.js';
import { members, seedNamespace } from '../../helpers/seed.js';

/** The status of a problem by caller and required role; null for a caller with a sufficient role. */
const problemStatuses = {
  stranger: { viewer: 404, editor: 404, owner: 404 },
  viewer: { viewer: null, editor: 403, owner: 403 },
  editor: { viewer: null, editor: null, owner: 403 },
  owner: { viewer: null, editor: null, owner: null },
  admin: { viewer: null, editor: null, owner: null },
} as const;

test('every operation requires its role', async (t) => {
  const service = await startService(t);
  const callers = {
    stranger: await service.as('stranger'),
    viewer: await service.as(members.viewer),
    editor: await service.as(members.editor),
    owner: await service.as(members.owner),
    admin: await service.as('trusted-service', 'admin'),
  };
  for (const kind of ['stranger', 'viewer', 'editor', 'owner', 'admin'] as const) {
    for (const [index, { title, role, status, request }] of operations.entries()) {
      const slug = `${kind}-${index}`;
      await seedNamespace(service, slug);
      const rejected = role && problemStatuses[kind][role];
      const answer = await callers[kind].send(request(slug));
      t.equal(answer.status, rejected ?? status, `${title} as ${kind}`);
      if (rejected === 403) isProblem(t, answer, 'insufficient_role', `${title} as ${kind}`);
      if (rejected === 404) isProblem(t, answer, 'namespace_not_found', `${title} as ${kind}`);
    }
  }
});

test('a rejected request changes nothing', async (t) => {
  const service = await startService(t);
  await seedNamespace(service, 'acme');
  const owner = await service.as(members.owner);
  const state = async () => {
    const paths = ['', '/members', '/spaces', '/spaces/lab'];
    const answers = await Promise.all(paths.map((path) => owner.get(`/namespaces/acme${path}`)));
    return answers.map(({ text }) => text);
  };
  const before = await state();
  for (const subject of ['stranger', members.viewer, members.editor]) {
    const caller = await service.as(subject);
    for (const { title, role, request } of operationsWithin) {
      if (role !== 'owner' && (role !== 'editor' || subject === members.editor)) continue;
      const { status } = await caller.send(request('acme'));
      t.equal(status, subject === 'stranger' ? 404 : 403, `${title} as ${subject}`);
    }
  }
  t.same(await state(), before);
});

/** @returns the parts of a response, without those that differ between any two responses */
function visible({ status, headers, text }: Answer) {
  const { date, 'x-request-id': requestId, ...rest } = headers;
  return { status, text, headers: rest, dated: date !== undefined, named: requestId !== undefined };
}

test('a non-member gets the same bytes for a namespace as for one that never existed', async (t) => {
  const { service, proxy } = await startCounted(t);
  const stranger = await service.as('stranger');
  const send = async (index: number) => {
    const slug = `acme-${index}`;
    const operation = operationsWithin[index];
    if (!operation) throw new Error('There is no such operation');
    const { statements, roundTrips, result } = await proxy.count(() =>
      stranger.send(operation.request(slug)),
    );
    isProblem(t, result, 'namespace_not_found', operation.title);
    return { ...visible(result), statements, roundTrips };
  };
  // Prepares every statement, as in a long-running process.
  for (const { request } of operations) {
    await seedNamespace(service, 'warm');
    await (await service.as(members.owner)).send(request('warm'));
    await (await service.as(members.owner)).delete('/namespaces/warm');
  }
  for (const [index, { title }] of operationsWithin.entries()) {
    const never = await send(index);
    await seedNamespace(service, `acme-${index}`);
    t.same(await send(index), never, `${title}: exists, and is cached`);
    await (await service.as(members.owner)).patch(`/namespaces/acme-${index}`, { slug: 'moved' });
    await send(index);
    t.same(await send(index), never, `${title}: was renamed`);
    await (await service.as(members.owner)).delete('/namespaces/moved');
    t.same(await send(index), never, `${title}: was deleted`);
  }
});

test('a non-member gets the same bytes for a namespace that the process has not cached', async (t) => {
  const { service, proxy } = await startCounted(t);
  const fresh = await startService(t, { db: service.db });
  const stranger = await fresh.as('stranger');
  await seedNamespace(service, 'acme');
  for (const { title, request } of operationsWithin) {
    const [none, acme] = [request('none'), request('acme')];
    await stranger.send(none);
    const absent = await proxy.count(() => stranger.send(none));
    const present = await proxy.count(() => stranger.send(acme));
    t.equal(present.result.text, absent.result.text.replaceAll('none', 'acme'), title);
    t.equal(present.statements, absent.statements, `${title}: statements`);
    t.equal(present.roundTrips, absent.roundTrips, `${title}: round trips`);
  }
});
