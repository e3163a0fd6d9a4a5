/** `If-Match` and `If-None-Match` on every method that reaches a tagged resource (RFC 9110 §13.2.1). */
import { test } from 'tap';
import { type Answer, type Send, startService } from '../../helpers/app.js';
import { isProblem } from '../../helpers/problem.js';

type Operation = (path: string, change: object) => Omit<Send, 'headers'>;

const operations: Record<string, Operation> = {
  GET: (path) => ({ method: 'GET', path }),
  PATCH: (path, change) => ({ method: 'PATCH', path, body: change }),
  'empty PATCH': (path) => ({ method: 'PATCH', path, body: {} }),
  'merge patch': (path) => ({ method: 'PATCH', path, body: { metadata: { a: 1 } } }),
  DELETE: (path) => ({ method: 'DELETE', path }),
  'permanent DELETE': (path) => ({ method: 'DELETE', path: `${path}?permanent=true` }),
  upsert: (path) => ({
    method: 'POST',
    path: path.replace(/\/[^/]*$/, ''),
    body: { name: path.replace(/^.*\//, ''), status: 'failed' },
  }),
  'restore of an active one': (path) => ({ method: 'POST', path: `${path}/restore` }),
  'restore of a deleted one': (path) => ({ method: 'POST', path: `${path}/restore` }),
};

/** The kinds of resources that an operation exists for, where it is not all. */
const kindsOf: Record<string, string[]> = {
  'permanent DELETE': ['space', 'namespace', 'space with contents'],
  upsert: ['episode'],
};

/** Header, its value for a tag, and whether the condition holds. */
const conditions: [string, (tag: string) => string, boolean][] = [
  ['if-match', (tag) => tag, true],
  ['if-match', (tag) => `"x", ${tag}`, true],
  ['if-match', () => '*', true],
  ['if-match', () => '"x"', false],
  ['if-match', () => '"*"', false],
  ['if-match', (tag) => `W/${tag}`, false],
  ['if-match', (tag) => tag.replace(/"$/, '.7x"'), false],
  ['if-none-match', (tag) => tag, false],
  ['if-none-match', (tag) => `W/${tag}`, false],
  ['if-none-match', (tag) => `"x", ${tag}`, false],
  ['if-none-match', () => '*', false],
  ['if-none-match', () => '"x"', true],
  // An entity tag, not the asterisk.
  ['if-none-match', () => '"*"', true],
  ['if-none-match', () => '"x", "*"', true],
];

/** A resource, and a body that changes it. */
interface Resource {
  path: string;
  change: object;
}

test('every operation on a resource with an ETag evaluates conditions, and a failed one writes nothing', async (t) => {
  const service = await startService(t);
  const owner = await service.as('olga');
  await owner.post('/namespaces', { slug: 'team' });
  let made = 0;
  await owner.post('/namespaces/team/spaces', { name: 'Lab' });
  const lab = '/namespaces/team/projects/lab';
  const makers: Record<string, () => Promise<Resource>> = {
    space: async () => {
      const slug = `s${(made += 1)}`;
      await owner.post('/namespaces/team/spaces', { name: 'Old', slug });
      return { path: `/namespaces/team/projects/${slug}`, change: { name: 'New' } };
    },
    namespace: async () => {
      const slug = `n${(made += 1)}`;
      await owner.post('/namespaces', { slug, name: 'Old' });
      return { path: `/namespaces/${slug}`, change: { name: 'New' } };
    },
    'space with contents': async () => {
      const slug = `f${(made += 1)}`;
      const path = `/namespaces/team/projects/${slug}`;
      await owner.post('/namespaces/team/spaces', { name: 'Full', slug });
      await owner.post(`${path}/episodes`, { name: 'run', folder: '/a' });
      return { path, change: { name: 'New' } };
    },
    folder: async () => {
      const { headers } = await owner.post(`${lab}/folders`, { path: `/a/${(made += 1)}` });
      return { path: String(headers['location']), change: { path: `/b/${made}` } };
    },
    episode: async () => {
      const { headers } = await owner.post(`${lab}/episodes`, {
        name: `${(made += 1)}`,
        folder: '/c',
      });
      return { path: String(headers['location']), change: { folder: '/d' } };
    },
    asset: async () => {
      const body = { path: `/e/${(made += 1)}`, kind: 'file', uri: 'urn:a:b' };
      const { headers } = await owner.post(`${lab}/assets`, body);
      return { path: String(headers['location']), change: { path: `/f/${made}` } };
    },
  };
  for (const [kind, make] of Object.entries(makers)) {
    for (const [name, operation] of Object.entries(operations)) {
      // A folder cannot be restored.
      if (kind === 'folder' && name.startsWith('restore')) continue;
      if (kindsOf[name]?.includes(kind) === false) continue;
      for (const [header, value, holds] of conditions) {
        const { path, change } = await make();
        let current: Answer = await owner.get(path);
        if (name === 'restore of a deleted one') current = await owner.delete(path);
        const tag = String(current.headers['etag']);
        const isMerge = name === 'merge patch';
        const answer = await owner.send({
          ...operation(path, change),
          headers: {
            [header]: value(tag),
            ...(isMerge && { 'content-type': 'application/merge-patch+json' }),
          },
        });
        const failed = name === 'GET' && header === 'if-none-match' ? 304 : 412;
        const title = `${kind}, ${name}, ${header}: ${value(tag)}`;
        t.equal(answer.status, holds ? (name.endsWith('DELETE') ? 204 : 200) : failed, title);
        if (answer.status === 412) {
          isProblem(t, answer, 'precondition_failed', title);
          const after = await owner.get(path);
          const expected = name === 'restore of a deleted one' ? 404 : 200;
          t.equal(after.status, expected, title);
          if (after.status === 200) t.equal(after.headers['etag'], tag, title);
        }
      }
    }
  }
});

test('a list has a weak ETag, which If-Match never matches', async (t) => {
  const service = await startService(t);
  const owner = await service.as('olga');
  await owner.post('/namespaces', { slug: 'team' });
  await owner.post('/namespaces/team/spaces', { name: 'Lab' });
  const lab = '/namespaces/team/projects/lab';
  for (const path of [
    '/namespaces',
    '/namespaces/team/members',
    '/namespaces/team/spaces',
    `${lab}/folders`,
    `${lab}/episodes`,
    `${lab}/assets`,
  ]) {
    const tag = String((await owner.get(path)).headers['etag']);
    t.match(tag, /^W\//);
    const statusWith = async (headers: Record<string, string>) =>
      (await owner.send({ method: 'GET', path, headers })).status;
    t.equal(await statusWith({ 'if-match': '*' }), 200, path);
    t.equal(await statusWith({ 'if-match': tag }), 412, path);
    t.equal(await statusWith({ 'if-match': tag.slice(2) }), 412, path);
    t.equal(await statusWith({ 'if-none-match': tag }), 304, path);
    t.equal(await statusWith({ 'if-none-match': '"x"' }), 200, path);
  }
});
