/**
 * Every operation of the OpenAPI document is sent what it declares, what it nearly declares, and what
 * nobody should send. Nothing makes a 5xx, each answer is one that the document declares, and what was
 * written reads back as it was sent.
 */
import { isDeepStrictEqual } from 'node:util';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import fc from 'fast-check';
import { test } from 'tap';
import { type Answer, type Client, startService } from '../helpers/app.js';
import { pick, pickString } from '../helpers/json.js';
import { isOpenApi, type OpenApiDocument, type Schema } from '../helpers/openapi.js';
import { parameters } from './parameters.js';
import { CURRENT, pools, type Request, requests } from './requests.js';

const RUNS = 2500;

/** Requests delete more than they make: without more of it, most would be 404. */
const RESTOCKED_EVERY = 20;

test('no input makes a 5xx, an undeclared answer, or a write that reads back otherwise', async (t) => {
  const settings = parameters(t, RUNS);
  const service = await startService(t);
  const { json: document } = await service.send({ method: 'GET', path: '/openapi.json' });
  if (!isOpenApi(document)) throw new Error('Not an OpenAPI document');
  const complaint = answerChecker(document);

  const owner = await service.as('olga');
  const senders: Record<string, Pick<Client, 'send'>> = {
    owner,
    editor: await service.as('ed'),
    viewer: await service.as('vic'),
    stranger: await service.as('eve'),
    admin: await service.as('root', 'admin'),
    reader: await service.as('olga', 'spaces:read'),
    nobody: service,
    forger: {
      send: (request) =>
        service.send({ ...request, headers: { ...request.headers, authorization: 'Bearer x' } }),
    },
  };
  const sender = fc.oneof(
    { weight: 12, arbitrary: fc.constant('owner') },
    { weight: 1, arbitrary: fc.constantFrom(...Object.keys(senders)) },
  );

  const succeeded = new Set<string>();
  let sent = 0;
  const etags = new Map<string, string>();
  const statuses = new Map<number, number>();
  const property = fc.asyncProperty(sender, requests(document), async (name, request) => {
    if ((sent += 1) % RESTOCKED_EVERY === 1) await restock(owner);
    const { template, method, headers, body, isValid } = request;
    const path = withIds(request.path);
    const resource = path.replace(/(\/restore)?\/?(\?.*)?$/s, '');
    const answer = await (senders[name] ?? owner).send({
      method: upperCase(method),
      path,
      headers: Object.fromEntries(
        Object.entries(headers).map(([key, value]) => [
          key,
          value === CURRENT ? (etags.get(resource) ?? value) : value,
        ]),
      ),
      ...(body !== undefined && { body: Buffer.from(body) }),
    });
    if (answer.headers['etag'] !== undefined) etags.set(resource, String(answer.headers['etag']));
    statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
    const say = (words: string) => {
      throw new Error(
        `${words}: ${method} ${path} ${JSON.stringify(headers)} ${String(body).slice(0, 500)} -> ${answer.status} ${answer.text.slice(0, 500)}`,
      );
    };

    const undeclared = complaint(template, method, answer);
    if (undeclared !== null) say(undeclared);
    const refusal = String(pick(answer.json, 'detail'));
    if (isValid && /^In the body:(?!.*merged into)/.test(refusal)) say('A valid body was refused');
    if (answer.status < 300) {
      succeeded.add(`${method} ${template}`);
      const difference = await readBack(senders['admin'] ?? owner, { ...request, path }, answer);
      if (difference !== null) say(difference);
    }
  });
  await fc.assert(property, { ...settings, endOnFailure: true });

  t.same(
    Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations)
        .map((method) => `${method} ${path}`)
        .filter((operation) => !succeeded.has(operation)),
    ),
    [],
    'each operation has succeeded at least once',
  );
  t.comment(
    `requests by status: ${[...statuses]
      .sort(([a], [b]) => a - b)
      .map(([status, count]) => `${status}: ${count}`)
      .join(', ')}`,
  );
});

/** The ids of folders and assets that were there last, by the space and what stands for them in a path. */
const ids = new Map<string, string>();

/** @returns the path with the ids of what is there */
function withIds(path: string): string {
  const [, namespace = '', space = ''] = /^\/namespaces\/([^/]*)\/[^/]*\/([^/]*)/.exec(path) ?? [];
  return path.replace(
    /(folder|asset)-\d/,
    (standIn) => ids.get(`${namespace} ${space} ${standIn}`) ?? standIn,
  );
}

/** Makes what requests are about, where it is not there. */
async function restock(owner: Client): Promise<void> {
  for (const slug of pools.slug) {
    await owner.post('/namespaces', { slug });
    await owner.put(`/namespaces/${slug}/members/ed`, { role: 'editor' });
    await owner.put(`/namespaces/${slug}/members/vic`, { role: 'viewer' });
    for (const space of pools.projectSlug) {
      await owner.post(`/namespaces/${slug}/spaces`, { name: 'A space', slug: space });
      await restockSpace(owner, slug, space);
    }
  }
}

async function restockSpace(owner: Client, namespace: string, space: string): Promise<void> {
  const path = `/namespaces/${namespace}/projects/${space}`;
  for (const [index, name] of pools.name.entries()) {
    await owner.post(`${path}/episodes/${name}/restore`);
    await owner.post(`${path}/episodes`, { name });
    await owner.post(`${path}/folders`, { path: `/stock-${index}` });
    const asset = { path: `/stock-${index}`, kind: 'file', uri: 'urn:a:b', episode: name };
    await owner.post(`${path}/assets`, asset);
  }
  for (const kind of ['folder', 'asset'] as const) {
    const { json } = await owner.get(`${path}/${kind}s?pageSize=2`);
    for (const [index, item] of listOf(pick(json, `${kind}s`)).entries()) {
      ids.set(`${namespace} ${space} ${kind}-${index}`, pickString(item, 'id'));
    }
  }
}

function upperCase(method: Request['method']) {
  const names = { get: 'GET', post: 'POST', put: 'PUT', patch: 'PATCH', delete: 'DELETE' } as const;
  return names[method];
}

/** @returns a function that says in what an answer is not as the document declares it */
function answerChecker(document: OpenApiDocument) {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  for (const schema of Object.values(document.components.schemas)) close(schema);
  ajv.addSchema(document, 'document');

  return (template: string, method: Request['method'], answer: Answer): string | null => {
    const { status, text, json } = answer;
    if (status >= 500) return 'A failure of ours';
    const declared = document.paths[template]?.[method]?.responses?.[status];
    if (!declared) return 'The status is not declared';
    const [type] = String(answer.headers['content-type'] ?? '').split(';');
    const content = Object.keys(declared.content ?? {});
    if (content.length === 0) return text === '' ? null : 'There should be no body';
    if (!content.includes(type ?? '')) return 'The content type is not declared';
    const pointer = ['paths', template, method, 'responses', status, 'content', type, 'schema']
      .map((key) => encodeURIComponent(String(key).replaceAll('~', '~0').replaceAll('/', '~1')))
      .join('/');
    const reference = `document#/${pointer}`;
    const validate = ajv.getSchema(reference);
    if (!validate) return 'There is no schema';
    return validate(json) === true ? null : ajv.errorsText(validate.errors);
  };
}

/** Members that are not declared are allowed by JSON Schema; here they would be a mistake. */
function close(schema: Schema): void {
  if (schema.properties) Object.assign(schema, { additionalProperties: false });
  for (const member of Object.values(schema.properties ?? {})) close(member);
  if (schema.items) close(schema.items);
}

/** @returns in what the effect of a write is not what was asked for */
async function readBack(
  reader: Pick<Client, 'send'>,
  { method, path, headers, body }: Request,
  answer: Answer,
): Promise<string | null> {
  if (method === 'get' || answer.headers['idempotent-replayed'] === 'true') return null;
  const get = (at: string) => reader.send({ method: 'GET', path: at });
  const resource = path.replace(/\/?(\?.*)?$/s, '');

  if (/\/members\//.test(resource)) {
    const [, namespace = '', subject = ''] = /^(.*)\/members\/(.*)$/.exec(resource) ?? [];
    const { json } = await get(`${namespace}/members?pageSize=200`);
    const members = pick(json, 'members');
    const found: unknown = Array.isArray(members)
      ? members.find((member: unknown) => pick(member, 'subject') === decodeURIComponent(subject))
      : undefined;
    if (method === 'delete') return found === undefined ? null : 'It is still a member';
    return isDeepStrictEqual(found, answer.json) &&
      pick(found, 'role') === pick(JSON.parse(body ?? ''), 'role')
      ? null
      : `The member reads ${JSON.stringify(found)}`;
  }
  if (method === 'delete') {
    return (await get(resource)).status === 404 ? null : 'What was deleted is still there';
  }

  const content = /^\/namespaces\/[^/]+\/[^/]+\/[^/]+\/(folders|episodes|assets)/.exec(resource);
  if (content) {
    const [collection, kind = ''] = content;
    const isBatch = resource.endsWith('/batch');
    const isMerge = isMergePatch(headers);
    const answered = isBatch ? listOf(pick(answer.json, 'assets')) : [answer.json];
    const written: unknown =
      body === undefined || resource.endsWith('/restore') ? {} : JSON.parse(body);
    const sent = isBatch ? listOf(pick(written, 'assets')) : [written];
    for (const [index, item] of answered.entries()) {
      const key = kind === 'episodes' ? pickString(item, 'name') : pickString(item, 'id');
      const at = `${collection}/${encodeURIComponent(key)}`;
      const difference = await differsFrom(get, at, item, sent[index], isMerge);
      if (difference !== null) return difference;
    }
    return answered.length === sent.length ? null : `There are ${answered.length}`;
  }

  if (resource.endsWith('/batch')) {
    const collection = resource.replace(/\/batch$/, '');
    const sent = listOf(pick(JSON.parse(body ?? ''), 'spaces'));
    const made = listOf(pick(answer.json, 'spaces'));
    if (made.length !== sent.length) return `There are ${made.length}`;
    for (const [index, space] of made.entries()) {
      const at = `${collection}/${pickString(space, 'slug')}`;
      const difference = await differsFrom(get, at, space, sent[index], false);
      if (difference !== null) return difference;
    }
    return isListed(get, collection, made.at(-1));
  }

  const restored = resource.replace(/\/restore$/, '');
  const isSpace = restored.split('/').length > 3;
  const collection = isSpace ? restored.split('/').slice(0, 4).join('/') : '/namespaces';
  const isMerge = isMergePatch(headers);
  // What was restored, or there before, is not as it was sent.
  const isSent = resource === restored && !(method === 'put' && answer.status === 200);
  const sent: unknown = isSent ? JSON.parse(body ?? '') : {};
  const at = `${collection}/${pickString(answer.json, 'slug')}`;
  const difference = await differsFrom(get, at, answer.json, sent, isMerge);
  if (difference !== null) return difference;
  const isNew = isSpace && isSent && answer.status === 201;
  return isNew ? isListed(get, collection, answer.json) : null;
}

function isMergePatch(headers: Request['headers']): boolean {
  return headers['content-type']?.toLowerCase().startsWith('application/merge-patch+json') ?? false;
}

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** @returns in what a resource, read again, is not what was answered and what was sent */
async function differsFrom(
  get: (path: string) => Promise<Answer>,
  at: string,
  answered: unknown,
  sent: unknown,
  isMerge: boolean,
): Promise<string | null> {
  const itself = await get(at);
  const now = JSON.parse(itself.text) as unknown;
  for (const [key, value] of Object.entries(Object(answered) as object)) {
    if (!isDeepStrictEqual(pick(now, key), value)) return `Read again, it is ${itself.text}`;
  }
  for (const [key, value] of Object.entries(Object(sent) as object)) {
    const written = pick(now, key);
    const isAsSent =
      key === 'metadata' && isMerge && value !== null
        ? isMerged(written, value)
        : isDeepStrictEqual(written, normalised(key, value, written));
    if (!isAsSent) return `${key} reads ${JSON.stringify(written)}`;
  }
  return null;
}

/** What is to be stored of a value that is not stored as it is sent. */
function normalised(key: string, sent: unknown, written: unknown): unknown {
  if (key === 'name' && typeof sent === 'string') return sent.normalize('NFC').trim();
  if (key === 'description' && typeof sent === 'string') return sent.normalize('NFC');
  if (key === 'tags' && Array.isArray(sent)) {
    return sent.map((tag: unknown) => String(tag).normalize('NFC').trim());
  }
  if (key === 'tags' && sent === null) return [];
  if ((key === 'path' || key === 'folder') && typeof sent === 'string') {
    return sent
      .normalize('NFC')
      .split('/')
      .map((segment) => segment.trim())
      .join('/');
  }
  if (key === 'episode' && typeof sent === 'string') return sent.normalize('NFC').trim();
  // Derived of the name.
  if (key === 'slug' && sent === null) return written;
  // As JSON has no negative zero, where it is not written out.
  return sent === undefined ? undefined : (JSON.parse(JSON.stringify(sent)) as unknown);
}

/** Whether a merge patch (RFC 7396) has been applied: to apply it once more would change nothing. */
function isMerged(target: unknown, patch: unknown): boolean {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch)) {
    return isDeepStrictEqual(target, JSON.parse(JSON.stringify(patch)));
  }
  if (typeof target !== 'object' || target === null || Array.isArray(target)) return false;
  return Object.entries(patch).every(([key, value]) =>
    value === null ? !Object.hasOwn(target, key) : isMerged(Reflect.get(target, key), value),
  );
}

/** The last page of the list has the space that was created last. */
async function isListed(
  get: (path: string) => Promise<Answer>,
  collection: string,
  created: unknown,
): Promise<string | null> {
  const total = Number(pick((await get(`${collection}?pageSize=1`)).json, 'total'));
  const item = pick((await get(`${collection}?pageSize=1&page=${total}`)).json, 'spaces', 0);
  return ['id', 'name', 'slug', 'description', 'tags'].every((key) =>
    isDeepStrictEqual(pick(item, key), pick(created, key)),
  )
    ? null
    : `The list shows ${JSON.stringify(item)}`;
}
