import { createHash } from 'node:crypto';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyPluginAsync } from 'fastify';
import fp from 'fastify-plugin';
import { problems } from '../errors.js';
import { isNotModified } from './conditional.js';
import { toOpenApi30 } from './openapi-3.0.js';

const problemTable = Object.entries(problems)
  .map(([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`)
  .join('\n');

const description = `A namespace (a user or a team) holds spaces, also called projects.

Every operation needs a bearer token (JWT). What it may do depends on the token's \`scope\` claim and on the caller's role in the namespace: viewers read, editors also write spaces, owners also change the namespace and its members. To a stranger a namespace does not exist.

Errors are problem details (RFC 9457) with a stable \`code\`:

| code | status | meaning |
|---|---|---|
${problemTable}`;

/**
 * Makes the OpenAPI document from the schemas of the routes, serves it as `/openapi.json` and
 * `/openapi.yaml`, in version 3.0 as `/openapi-3.0.json`, and Swagger UI at `/docs`. Register it before the routes.
 */
export const openapiPlugin = fp(
  async (app) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Spaces',
          version: '1.0.0',
          description,
          contact: { name: 'Whoever runs this server' },
          license: { name: 'MIT', identifier: 'MIT' },
        },
        servers: [{ url: '/', description: 'This server' }],
        tags: [
          { name: 'spaces', description: 'The spaces (projects) of a namespace' },
          { name: 'namespaces', description: 'Users and teams' },
          { name: 'members', description: 'Who may do what in a namespace' },
          { name: 'health', description: 'For load balancers and orchestrators' },
        ],
        components: {
          securitySchemes: {
            bearerAuth: {
              type: 'http',
              scheme: 'bearer',
              bearerFormat: 'JWT',
              description: 'A JWT with `sub` and `exp`; HS256, or RS256, ES256 or EdDSA.',
            },
          },
        },
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

/** What is the same for everybody, and asks for no token. */
const documentation: FastifyPluginAsync = async (app) => {
  // Anybody may keep it, and asks each time by its ETag whether it has changed.
  app.addHook('onSend', (_request, reply, payload, next) => {
    void reply.header('cache-control', 'public, no-cache');
    next(null, payload);
  });

  await app.register(swaggerUi, {
    routePrefix: '/docs',
    uiConfig: {
      persistAuthorization: true,
      displayRequestDuration: true,
      filter: true,
      tryItOutEnabled: true,
    },
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
        etag = `"${createHash('sha256').update(text).digest('base64url')}"`;
      }
      // A weak one, because the bytes that are sent may be compressed.
      void reply.header('etag', `W/${etag}`);
      if (isNotModified(request.headers['if-none-match'], etag)) return reply.code(304).send();
      return reply.type(type).send(text);
    });
  };
  serve('/openapi.json', 'application/json', () => JSON.stringify(app.swagger(), null, 2));
  serve('/openapi-3.0.json', 'application/json', () =>
    JSON.stringify(toOpenApi30(app.swagger()), null, 2),
  );
  serve('/openapi.yaml', 'application/yaml', () => app.swagger({ yaml: true }));
};
