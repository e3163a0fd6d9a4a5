import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from '@sinclair/typebox';
import fp from 'fastify-plugin';
import { VERSION } from '../../version.js';
import { weights } from '../conventions/accept.js';
import { ref } from '../conventions/schemas.js';
import { problemResponses } from '../errors/problem.js';

const Link = (description: string, example: string) =>
  Type.String({ maxLength: 100, description, examples: [example] });

const Home = Type.Object(
  {
    name: Type.String({ maxLength: 100, description: 'What this is' }),
    version: Type.String({ maxLength: 100, description: 'The version of the API' }),
    docs: Link('Swagger UI, a reference relative to this one', 'docs'),
    openapi: Link('The OpenAPI document', 'openapi.json'),
    health: Link('Whether requests can be served', 'readyz'),
  },
  {
    $id: 'Home',
    description: 'What this is, and where its documents and health are',
    examples: [
      { name: 'Spaces', version: VERSION, docs: 'docs', openapi: 'openapi.json', health: 'readyz' },
    ],
  },
);

/** Browsers ask for HTML first; curl and services do not name it. */
function prefersHtml(accept = ''): boolean {
  const found = weights(accept);
  return (found.get('text/html') ?? 0) > (found.get('application/json') ?? 0);
}

const plugin: FastifyPluginCallbackTypebox = (app, _options, done) => {
  app.addSchema(Home);
  app.get(
    '/',
    {
      schema: {
        operationId: 'getHome',
        summary: 'What this is, and where to go on',
        description: 'A browser is sent to Swagger UI.',
        security: [],
        tags: ['health'],
        response: {
          200: ref(Home),
          303: {
            ...Type.Unsafe<undefined>(Type.Null({ description: 'Swagger UI, for browsers' })),
            headers: { location: { type: 'string', description: 'Where it is' } },
          },
          ...problemResponses(
            'malformed_request',
            'expectation_failed',
            'request_timeout',
            'headers_too_large',
            'internal_error',
          ),
        },
      },
    },
    async (request, reply) => {
      void reply.header('vary', 'accept');
      if (prefersHtml(request.headers.accept)) {
        return reply.code(303).header('location', 'docs').send(undefined);
      }
      return reply.send({
        name: 'Spaces',
        version: VERSION,
        docs: 'docs',
        openapi: 'openapi.json',
        health: 'readyz',
      });
    },
  );
  done();
};

/** `GET /`. Its references are relative, so that they hold behind a proxy that takes a prefix away. */
export const homePlugin = fp(plugin, { name: 'home', dependencies: ['problem'] });
