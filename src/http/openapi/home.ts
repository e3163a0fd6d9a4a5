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
    name: Type.String({ maxLength: 100, description: 'The name of the service' }),
    version: Type.String({ maxLength: 100, description: 'The version of the API' }),
    docs: Link('The URL of Swagger UI, relative to this resource', 'docs'),
    openapi: Link('The URL of the OpenAPI document', 'openapi.json'),
    health: Link('The URL of the readiness check', 'readyz'),
  },
  {
    $id: 'Home',
    description: 'The service, and the URLs of its documentation and health',
    examples: [
      { name: 'Spaces', version: VERSION, docs: 'docs', openapi: 'openapi.json', health: 'readyz' },
    ],
  },
);

/** @returns whether the client is a browser: only browsers prefer HTML to JSON */
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
        summary: 'Get the name of the service and its links',
        description: 'Browsers are redirected to Swagger UI.',
        security: [],
        tags: ['health'],
        response: {
          200: ref(Home),
          303: {
            ...Type.Unsafe<undefined>(Type.Null({ description: 'Swagger UI, for browsers' })),
            headers: { location: { type: 'string', description: 'The URL of Swagger UI' } },
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

/** `GET /`. Its URLs are relative, so that they work behind a proxy that removes a path prefix. */
export const homePlugin = fp(plugin, { name: 'home', dependencies: ['problem'] });
