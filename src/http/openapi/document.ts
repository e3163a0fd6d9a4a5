import { createHash } from 'node:crypto';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import { VERSION } from '../../version.js';
import { isNotModified } from '../conventions/etag.js';
import { isAlias } from '../spaces/nouns.js';
import { toOpenApi30 } from './openapi-3.0.js';

const description = `A namespace (a user or a team) contains spaces, also called projects. A space is a catalogue of recordings: episodes (recorded runs), assets (references to recorded files) and a tree of folders.

Every operation requires a bearer token (JWT). The permissions of a caller depend on the token's \`scope\` claim and on the role in the namespace: viewers read, editors also write spaces and their contents, owners also change the namespace and its members. For a caller who is not a member, a namespace does not exist (404).

Every GET operation also supports HEAD, and every path OPTIONS. Errors are problem details (RFC 9457) with a stable \`code\`; the schema \`ProblemCode\` lists all codes.`;

interface OpenapiOptions {
  publicUrl: URL | null;
  /** the groups of operations, in the order of the document */
  tags: { name: string; description: string }[];
}

/**
 * Generates the OpenAPI document from the schemas of the routes, and serves it as `/openapi.json` and
 * `/openapi.yaml`, in version 3.0 as `/openapi-3.0.json`, and in Swagger UI at `/docs`. Register it before the
 * routes.
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
          contact: { name: 'The operator of this server' },
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
                'A JWT with `sub` and `exp`, signed with HS256, or with RS256, ES256 or EdDSA. In development `npm start` prints one to paste here.',
            },
          },
        },
      },
      transformObject: (document) => {
        if (!('openapiObject' in document)) throw new Error('The document is not of OpenAPI 3');
        // @fastify/swagger marks every body as required; that of a restore is optional.
        for (const [url, path] of Object.entries(document.openapiObject.paths ?? {})) {
          const body = path?.post?.requestBody;
          if (url.endsWith('/restore') && body && !('$ref' in body)) body.required = false;
        }
        return document.openapiObject;
      },
      // Components get the names of the shared schemas, which become the names of generated types.
      refResolver: {
        buildLocalReference: (schema, _baseUri, _fragment, index) =>
          typeof schema.$id === 'string' ? schema.$id : `def-${index}`,
      },
    });

    await app.register(documentation);
  },
  { name: 'openapi', dependencies: ['problem'] },
);

/** The operations in Swagger UI, as collections of Immutable.js. */
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
 * Makes the filter of Swagger UI find operations by tag, method, path, operationId or summary, ignoring case;
 * the built-in filter only finds tags. The source of the function runs in the browser, so it must not reference
 * anything outside, or contain a named function.
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

/**
 * Moves examples of optional parameters to their descriptions, because Swagger UI would send the examples of
 * all filters at once.
 */
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

/**
 * @returns the document for Swagger UI. The URL of the server is relative, so that it works behind a proxy with
 *   a path prefix.
 */
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
  // Without the top bar, which loads other documents.
  layout: 'BaseLayout',
  persistAuthorization: true,
  displayRequestDuration: true,
  displayOperationId: true,
  defaultModelsExpandDepth: 0,
  filter: true,
  fn: { opsFilter },
  tryItOutEnabled: true,
};

/** Serves the document and Swagger UI, which are the same for all callers and need no token. */
const documentation: FastifyPluginAsync = async (app) => {
  // Every cache may store the response, and revalidates it by its ETag.
  app.addHook('onSend', (_request, reply, payload, next) => {
    void reply.header('cache-control', 'public, no-cache');
    next(null, payload);
  });

  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // Relative, so that it works behind a proxy that removes a path prefix.
    indexPrefix: '.',
    transformSpecification: toSwaggerUi,
    transformSpecificationClone: false,
    theme: { title: 'Spaces' },
    uiConfig,
    // Without `upgrade-insecure-requests`, because plain HTTP must work too.
    staticCSP: {
      'default-src': "'self'",
      'base-uri': "'self'",
      'frame-ancestors': "'none'",
      'img-src': ["'self'", 'data:'],
      'object-src': "'none'",
      // Swagger UI adds a style element (swagger-ui #10655).
      'style-src': ["'self'", "'unsafe-inline'"],
    },
  });

  const serve = (path: string, type: string, write: () => string) => {
    // Rendered on the first request, which few processes receive.
    let text: string | undefined;
    let etag = '';
    app.get(path, { schema: { hide: true } }, (request, reply) => {
      if (text === undefined) {
        text = write();
        // Weak, because the body may be compressed.
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
