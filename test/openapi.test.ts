import { readFile } from 'node:fs/promises';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { test } from 'tap';
import { createDemo } from '../src/development/demo.js';
import { startService } from './helpers/app.js';
import { pick } from './helpers/json.js';
import { complaintsAbout, isOpenApi, type OpenApiDocument } from './helpers/openapi.js';

const committed = async (name: string) =>
  readFile(new URL(`../openapi/${name}`, import.meta.url), 'utf8');

test('every operation declares its statuses, parameters, schemas and examples', async (t) => {
  const { send } = await startService(t);
  const { json } = await send({ method: 'GET', path: '/openapi.json' });
  t.same(complaintsAbout(json), []);
});

test('the document and the package have one version', async (t) => {
  const { send } = await startService(t);
  const { json } = await send({ method: 'GET', path: '/openapi.json' });
  const manifest: unknown = JSON.parse(
    await readFile(new URL('../package.json', import.meta.url), 'utf8'),
  );
  t.equal(pick(pick(json, 'info'), 'version'), pick(manifest, 'version'));
});

test('the examples of every schema are valid', async (t) => {
  const { send } = await startService(t);
  const { json } = await send({ method: 'GET', path: '/openapi.json' });
  if (!isOpenApi(json)) throw new Error('not an OpenAPI document');
  const ajv = new Ajv2020({ strict: false, formats: { text: true } });
  addFormats.default(ajv);
  ajv.addSchema({ $id: 'openapi', ...json });
  for (const [name, { examples = [] }] of Object.entries(json.components.schemas)) {
    for (const example of Array.isArray(examples) ? examples : []) {
      ajv.validate(`openapi#/components/schemas/${name}`, example);
      t.same(ajv.errors, null, name);
    }
  }
});

test('the examples of every path and body make a request that succeeds', async (t) => {
  const service = await startService(t);
  const { json } = await service.send({ method: 'GET', path: '/openapi.json' });
  if (!isOpenApi(json)) throw new Error('not an OpenAPI document');
  await createDemo(service.db);
  const owner = await service.as('developer');
  for (const [template, methods] of Object.entries(json.paths)) {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH'] as const) {
      const { parameters = [], requestBody } = methods[method.toLowerCase()] ?? {};
      const path = template.replaceAll(/\{(\w+)\}/g, (_all, name: string) =>
        String(parameters.find((each) => each.in === 'path' && each.name === name)?.example),
      );
      if (method === 'GET' && methods['get']?.security?.length) {
        const { status } = await owner.get(path);
        t.equal(status, path.endsWith('/erasure') ? 404 : 200, `${method} ${path}`);
      }
      for (const [type, { schema }] of Object.entries(requestBody?.content ?? {})) {
        const name = String(schema?.$ref).replace('#/components/schemas/', '');
        const body = json.components.schemas[name]?.examples?.[0];
        const headers = { 'content-type': type };
        const { status } = await owner.send({ method, path, body, headers });
        t.ok(status === 200 || status === 201, `${method} ${path} ${type}: ${status}`);
      }
    }
  }
});

test('every field has a description and its limits', async (t) => {
  const { send } = await startService(t);
  const { json } = await send({ method: 'GET', path: '/openapi.json' });
  if (!isOpenApi(json)) throw new Error('not an OpenAPI document');
  const open: string[] = [];
  const check = (where: string, value: unknown): void => {
    if (typeof value !== 'object' || value === null || '$ref' in value) return;
    const has = (...names: string[]) => names.some((name) => name in value);
    const type = 'type' in value ? String(value.type) : '';
    if (!has('description')) open.push(`${where}: no description`);
    if (type.startsWith('string') && !has('maxLength', 'enum', 'format')) open.push(where);
    if (type.startsWith('integer') && !has('minimum')) open.push(where);
    if (type.startsWith('array') && !has('maxItems')) open.push(where);
    if ('items' in value) check(`${where}[]`, value.items);
    const properties = 'properties' in value ? (value.properties ?? {}) : {};
    for (const [name, field] of Object.entries(properties)) check(`${where}.${name}`, field);
  };
  for (const [name, schema] of Object.entries(json.components.schemas)) {
    // The service writes the texts of problems, whose length has no documented limit.
    if (!['Problem', 'Violation'].includes(name)) check(name, schema);
  }
  t.same(open, []);
});

test('the document in version 3.0 has nullable and example', async (t) => {
  const { send } = await startService(t);
  const { text, json } = await send({ method: 'GET', path: '/openapi-3.0.json' });
  t.match(json, {
    openapi: '3.0.3',
    components: {
      schemas: {
        Space: {
          example: { slug: 'robotics-lab' },
          properties: { description: { type: 'string', nullable: true, maxLength: 5000 } },
        },
      },
    },
  });
  t.notMatch(text, /"examples"|"null"|"identifier"/);
});

test('a pattern writes a quotation mark as \\x22, because generators do not escape it', async (t) => {
  const { send } = await startService(t);
  const { text } = await send({ method: 'GET', path: '/openapi.json' });
  t.match(text, /"pattern": ".*x22/);
  t.notMatch(text, /"pattern": ".*\\"/);
});

test('an incomplete operation is reported', (t) => {
  const incomplete: OpenApiDocument = {
    paths: {
      '/things/{id}': {
        get: { parameters: [{ name: 'id', in: 'path', schema: {} }], responses: {} },
        post: {
          operationId: 'makeThing',
          summary: 'Make a thing',
          tags: ['things'],
          security: [{ bearerAuth: [] }],
          parameters: [
            {
              name: 'many',
              in: 'query',
              description: 'How many',
              required: true,
              schema: { type: 'integer', default: 1 },
            },
          ],
          requestBody: { content: { 'application/json': { schema: { type: 'object' } } } },
          responses: {
            201: { description: 'Made', content: { 'application/json': { schema: {} } } },
            404: { description: '', content: {} },
          },
        },
      },
    },
    components: { schemas: { 'def-0': { type: 'object' } } },
  };
  t.same(complaintsAbout(incomplete), [
    'get /things/{id}: no operationId',
    'get /things/{id}: no summary',
    'get /things/{id}: no tags',
    'get /things/{id}: no success status',
    'get /things/{id}: parameter id has no description',
    'get /things/{id}: parameter id has no type',
    'post /things/{id}: path parameter id is not declared',
    'post /things/{id}: parameter many needs no default',
    'post /things/{id}: the body is not a named schema',
    'post /things/{id}: 201 is not a named schema',
    'post /things/{id}: 404 has no description',
    'post /things/{id}: 404 is not a named schema',
    'component def-0: no name, description or example',
  ]);
  t.end();
});

test('the responses to a body that an operation does not accept are declared', async (t) => {
  const service = await startService(t);
  const { json } = await service.send({ method: 'GET', path: '/openapi.json' });
  const alice = await service.as('alice');
  for (const [method, path] of [
    ['DELETE', '/namespaces/{slug}'],
    ['DELETE', '/namespaces/{slug}/members/{subject}'],
    ['POST', '/namespaces/{slug}/restore'],
    ['DELETE', '/namespaces/{slug}/projects/{projectSlug}'],
    ['POST', '/namespaces/{slug}/projects/{projectSlug}/restore'],
  ] as const) {
    const declared = isOpenApi(json) ? json.paths[path]?.[method.toLowerCase()]?.responses : {};
    for (const [body, type, status] of [
      ['a text', 'text/plain', 415],
      ['{', 'application/json', 400],
      ['x'.repeat(70_000), 'application/json', 413],
    ] as const) {
      const headers = { 'content-type': type };
      const answer = await alice.send({ method, path: encodeURI(path), body, headers });
      t.equal(answer.status, status, `${method} ${path}`);
      t.ok(declared?.[status], `${method} ${path} declares ${status}`);
    }
  }
});

test('the committed documents equal the served ones', async (t) => {
  const { send } = await startService(t);
  for (const name of ['openapi.json', 'openapi-3.0.json', 'openapi.yaml']) {
    const { text, status } = await send({ method: 'GET', path: `/${name}` });
    t.equal(status, 200, name);
    t.equal(text.trimEnd(), (await committed(name)).trimEnd(), `${name}: npm run openapi`);
  }
});

test('the document shows the paths of the API reference and hides their aliases', async (t) => {
  const { send } = await startService(t);
  const { json } = await send({ method: 'GET', path: '/openapi.json' });
  t.match(json, {
    openapi: '3.1.0',
    paths: {
      '/namespaces/{slug}/spaces': {
        get: { operationId: 'listSpaces' },
        post: { operationId: 'createSpace' },
      },
      '/namespaces/{slug}/projects/{projectSlug}': { patch: { operationId: 'updateSpace' } },
    },
  });
  t.notMatch(json, { paths: { '/namespaces/{slug}/projects': {} } });
  t.notMatch(json, { paths: { '/namespaces/{slug}/spaces/{projectSlug}': {} } });
});

test('Swagger UI is served under a policy that works over plain http', async (t) => {
  const { send } = await startService(t);
  const { status, headers } = await send({ method: 'GET', path: '/docs/' });
  t.equal(status, 200);
  const policy = String(headers['content-security-policy']);
  t.match(policy, /default-src 'self';/);
  t.match(policy, /style-src 'self' 'unsafe-inline';/, 'for the style element of Swagger UI');
  t.notMatch(policy, /script-src|https:|upgrade-insecure-requests/);
  const script = await send({ method: 'GET', path: '/docs/static/swagger-initializer.js' });
  t.match(script.text, /persistAuthorization/);
});
