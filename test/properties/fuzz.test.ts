/**
 * Sends valid, nearly valid and hostile requests to every operation of the OpenAPI document. None causes a 5xx, each
 * response is declared, and written values read back as they were sent.
 */
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { sql } from 'drizzle-orm';
import fc from 'fast-check';
import t, { test } from 'tap';
import type { Database } from '../../src/db/client.js';
import { type Answer, type Client, startService } from '../helpers/app.js';
import { pick, pickString } from '../helpers/json.js';
import { isOpenApi, type OpenApiDocument, type Schema } from '../helpers/openapi.js';
import { parameters } from './parameters.js';
import { pools } from './pools.js';
import { listOf, readBack } from './read-back.js';
import { CURRENT, type Request, requests } from './requests.js';

const RUNS = 2500;

// Long, because a loaded machine is slow; each request has a deadline of its own.
t.setTimeout(600_000);

/** The number of requests after which missing resources are created again, because requests delete more than they create. */
const RESTOCKED_EVERY = 20;

test('no input causes a 5xx, an undeclared response, or a write that reads back differently', async (t) => {
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
    if ((sent += 1) % RESTOCKED_EVERY === 1) await restock(owner, service.db);
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
    const fail = (words: string) => {
      throw new Error(
        `${words}: ${method} ${path} ${JSON.stringify(headers)} ${String(body).slice(0, 500)} -> ${answer.status} ${answer.text.slice(0, 500)}`,
      );
    };

    const undeclared = complaint(template, method, answer);
    if (undeclared !== null) fail(undeclared);
    const detail = String(pick(answer.json, 'detail'));
    if (isValid && /^In the body:(?!.*merged into)/.test(detail)) fail('A valid body is rejected');
    if (answer.status < 300) {
      succeeded.add(`${method} ${template}`);
      const difference = await readBack(senders['admin'] ?? owner, { ...request, path }, answer);
      if (difference !== null) fail(difference);
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

/** The ids of existing folders and assets, by space and placeholder. */
const ids = new Map<string, string>();

/** @returns the path with existing ids for its placeholders */
function withIds(path: string): string {
  const [, namespace = '', space = ''] = /^\/namespaces\/([^/]*)\/[^/]*\/([^/]*)/.exec(path) ?? [];
  return path.replace(
    /(folder|asset)-\d/,
    (standIn) => ids.get(`${namespace} ${space} ${standIn}`) ?? standIn,
  );
}

/** Creates missing resources that requests address. */
async function restock(owner: Client, db: Database): Promise<void> {
  for (const slug of pools.slug) {
    await owner.post('/namespaces', { slug });
    await owner.put(`/namespaces/${slug}/members/ed`, { role: 'editor' });
    await owner.put(`/namespaces/${slug}/members/vic`, { role: 'viewer' });
    for (const space of pools.projectSlug) {
      await owner.post(`/namespaces/${slug}/spaces`, { name: 'A space', slug: space });
      await restockSpace(owner, slug, space);
    }
    await restockErasures(db, slug);
  }
}

/** Adds running erasures, because those of the requests have ended when they are answered. */
async function restockErasures(db: Database, namespace: string): Promise<void> {
  await db.execute(sql`
    with erased_spaces as (
      insert into spaces (namespace_id, id, name, slug, tags, deleted_at)
      select id, gen_random_uuid(), 'Erased', 's0', '[]', '-infinity' from namespaces
      where slug = ${namespace} and deleted_at is null
    ), erased as (
      insert into namespaces (id, slug, deleted_at) values (gen_random_uuid(), ${namespace}, '-infinity')
      returning id
    )
    insert into members (namespace_id, subject, role) select id, 'olga', 'owner' from erased`);
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

/** @returns a function that returns the difference between a response and its declaration, or null */
function answerChecker(document: OpenApiDocument) {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  for (const schema of Object.values(document.components.schemas)) close(schema);
  ajv.addSchema(document, 'document');

  return (template: string, method: Request['method'], answer: Answer): string | null => {
    const { status, text, json } = answer;
    if (status >= 500) return 'The status is a 5xx';
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

/** Forbids undeclared members, which JSON Schema allows. */
function close(schema: Schema): void {
  if (schema.properties) Object.assign(schema, { additionalProperties: false });
  for (const member of Object.values(schema.properties ?? {})) close(member);
  if (schema.items) close(schema.items);
}
