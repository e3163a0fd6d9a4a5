import { createHash } from 'node:crypto';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import { VERSION } from '../../version.js';
import { isNotModified } from '../conventions/etag.js';
import { isAlias } from '../spaces/nouns.js';
import { toOpenApi30 } from './openapi-3.0.js';

const description = `A namespace (a user or a team) holds spaces, also called projects. A space holds the catalogue of recordings: episodes (recorded runs), assets (recorded files, by reference) and a tree of folders.

Every operation needs a bearer token (JWT). What it may do depends on the token's \`scope\` claim and on the caller's role in the namespace: viewers read, editors also write spaces and what is in them, owners also change the namespace and its members. To a stranger a namespace does not exist.

Every GET answers HEAD, and every path OPTIONS, too. Errors are problem details (RFC 9457) with a stable \`code\`; the schema \`Problem\` lists them.`;

interface OpenapiOptions {
  publicUrl: URL | null;
  /** the groups of operations, in the order in which the document shows them */
  tags: { name: string; description: string }[];
}

/**
 * Makes the OpenAPI document from the schemas of the routes, serves it as `/openapi.json` and
 * `/openapi.yaml`, in version 3.0 as `/openapi-3.0.json`, and Swagger UI at `/docs`. Register it before the routes.
 */
export const openapiPlugin = fp<OpenapiOptions>(
  async (app, { publicUrl, tags }) => {
    app.addHook('onRoute', (route) => {
      if (isAlias(route.url)) route.schema = { ...route.schema, hide: true };
    });
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Spaces',
          version: VERSION,
          description,
          contact: { name: 'Whoever runs this server' },
          license: { name: 'MIT', identifier: 'MIT' },
        },
        servers: [{ url: publicUrl?.href.replace(/\/+$/, '') ?? '/', description: 'This server' }],
        tags: [...tags, { name: 'health', description: 'For load balancers and orchestrators' }],
        components: {
          securitySchemes: {
            bearerAuth: {
              type: 'http',
              scheme: 'bearer',
              bearerFormat: 'JWT',
              description:
                'A JWT with `sub` and `exp`; HS256, or RS256, ES256 or EdDSA. In development the start prints one to paste.',
            },
          },
        },
      },
      transformObject: (document) => {
        if (!('openapiObject' in document)) throw new Error('The document is not of OpenAPI 3');
        // @fastify/swagger demands every body; that of a restore may be left out.
        for (const [url, path] of Object.entries(document.openapiObject.paths ?? {})) {
          const body = path?.post?.requestBody;
          if (url.endsWith('/restore') && body && !('$ref' in body)) body.required = false;
        }
        return document.openapiObject;
      },
      // Components get the names of the shared schemas, which generators turn into types.
      refResolver: {
        buildLocalReference: (schema, _baseUri, _fragment, index) =>
          typeof schema.$id === 'string' ? schema.$id : `def-${index}`,
      },
    });

    await app.register(documentation);
  },
  { name: 'openapi', dependencies: ['problem'] },
);

/** The operations of Swagger UI, in collections of Immutable. */
interface Group {
  get(key: 'operations'): Operations;
  update(key: 'operations', change: (operations: Operations) => Operations): Group;
}
interface Operations {
  readonly size: number;
  filter(
    keeps: (operation: { get(key: string): unknown; getIn(keys: string[]): unknown }) => boolean,
  ): Operations;
}
interface Groups {
  map(change: (group: Group, tag: string) => Group): Groups;
  filter(keeps: (group: Group) => boolean): Groups;
}

/**
 * Lets the filter of Swagger UI find an operation by its tag, method, path, operationId or summary, ignoring
 * case; its own filter knows only tags. The browser runs the text of the function, so it must not refer to
 * anything outside, nor name a function in it.
 */
const opsFilter = (groups: Groups, phrase: string) =>
  groups
    .map((group, tag) =>
      group.update('operations', (operations) =>
        operations.filter((each) =>
          [
            tag,
            each.get('method'),
            each.get('path'),
            each.getIn(['operation', 'operationId']),
            each.getIn(['operation', 'summary']),
          ]
            .join(' ')
            .toLowerCase()
            .includes(phrase.toLowerCase()),
        ),
      ),
    )
    .filter((group) => group.get('operations').size > 0);

interface Parameter {
  description?: string;
  required?: boolean;
  example?: string | string[] | undefined;
}

/** Swagger UI fills in examples, and would send those of all filters at once: optional ones go into the text. */
function showExample({ example, ...parameter }: Parameter): Parameter {
  if (parameter.required || example === undefined) return { example, ...parameter };
  const value = [example].flat().join(' ');
  return { ...parameter, description: `${parameter.description ?? ''} Example: \`${value}\`.` };
}

type Methods = Record<string, { parameters?: Parameter[] }>;

function mapValues<In, Out>(record: Record<string, In>, change: (value: In) => Out) {
  const entries = Object.entries(record);
  return Object.fromEntries(entries.map(([key, value]): [string, Out] => [key, change(value)]));
}

/** The document as Swagger UI reads it. The server is relative to it, so that a prefix of a proxy is kept. */
function toSwaggerUi({ paths = {}, ...document }: { paths?: Record<string, Methods> }) {
  const showExamples = (methods: Methods) =>
    mapValues(methods, ({ parameters = [], ...operation }) => ({
      ...operation,
      parameters: parameters.map(showExample),
    }));
  const servers = [{ url: '..', description: 'This server' }];
  return { ...document, servers, paths: mapValues(paths, showExamples) };
}

const uiConfig = {
  // Without the bar on top, which offers to look at other documents.
  layout: 'BaseLayout',
  persistAuthorization: true,
  displayRequestDuration: true,
  displayOperationId: true,
  defaultModelsExpandDepth: 0,
  filter: true,
  fn: { opsFilter },
  tryItOutEnabled: true,
};

/** The pages and documents that are the same for all callers, and need no token. */
const documentation: FastifyPluginAsync = async (app) => {
  // Anybody may keep it, and asks each time by its ETag whether it has changed.
  app.addHook('onSend', (_request, reply, payload, next) => {
    void reply.header('cache-control', 'public, no-cache');
    next(null, payload);
  });

  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // Relative, so that it holds behind a proxy that takes a prefix away.
    indexPrefix: '.',
    transformSpecification: toSwaggerUi,
    transformSpecificationClone: false,
    theme: { title: 'Spaces' },
    uiConfig,
    // Not `upgrade-insecure-requests`: plain http has to work too.
    staticCSP: {
      'default-src': "'self'",
      'base-uri': "'self'",
      'frame-ancestors': "'none'",
      'img-src': ["'self'", 'data:'],
      'object-src': "'none'",
      // Swagger UI adds a style element of its own (swagger-ui #10655).
      'style-src': ["'self'", "'unsafe-inline'"],
    },
  });

  const serve = (path: string, type: string, write: () => string) => {
    // Made when first asked for; few processes ever are.
    let text: string | undefined;
    let etag = '';
    app.get(path, { schema: { hide: true } }, (request, reply) => {
      if (text === undefined) {
        text = write();
        // A weak one, because the bytes that are sent may be compressed.
        etag = `W/"${createHash('sha256').update(text).digest('base64url')}"`;
      }
      void reply.header('etag', etag);
      if (isNotModified(request.headers, etag)) return reply.code(304).send();
      return reply.type(type).send(text);
    });
  };
  serve('/openapi.json', 'application/json', () => JSON.stringify(app.swagger(), null, 2));
  serve('/openapi-3.0.json', 'application/json', () =>
    JSON.stringify(toOpenApi30(app.swagger()), null, 2),
  );
  serve('/openapi.yaml', 'application/yaml', () => app.swagger({ yaml: true }));
};
