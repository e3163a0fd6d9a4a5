import type { FastifyReply, FastifyRequest, onSendHookHandler } from 'fastify';
import fp from 'fastify-plugin';
import findMyWay from 'find-my-way';
import { ServiceError } from '../../errors.js';
import { sendProblem } from '../errors/problem.js';

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;

/**
 * Responds to requests without a route: OPTIONS with the methods of the path, a method that the path does not
 * have with 405, an unknown path with 404. It needs no token, and ignores the body. Register it before the
 * routes, and after the hooks that set headers on every response.
 */
export const notFoundPlugin = fp<{ maxParamLength: number }>(
  (app, { maxParamLength }, done) => {
    // Fastify has no look-up of the methods of a path.
    const paths = findMyWay({ maxParamLength, ignoreTrailingSlash: true });
    app.addHook('onRoute', (route) => {
      const { method, url } = route;
      if (method === 'HEAD') route.onSend = [route.onSend ?? [], omitLength].flat();
      for (const name of METHODS.filter((each) => [method].flat().includes(each))) {
        if (!paths.hasRoute(name, url)) paths.on(name, url, () => undefined);
      }
    });

    const answer = (request: FastifyRequest, reply: FastifyReply) => {
      const { method, url } = request;
      // `*` stands for the whole server (RFC 9110 §9.3.7).
      const methods: readonly string[] =
        url === '*' && method === 'OPTIONS'
          ? METHODS
          : METHODS.filter((name) => paths.find(name, url) !== null);
      // The path of a missing file of Swagger UI matches a wildcard route with the method.
      if (methods.length === 0 || methods.includes(method)) {
        const detail = 'No operation has this path. Compare it with the operations at /docs.';
        return sendProblem(request, reply, new ServiceError('route_not_found', detail));
      }
      void reply.header('allow', [...methods, 'OPTIONS'].join(', '));
      if (method === 'OPTIONS') return reply.code(204).send();
      const detail = `The path does not support ${method}. Use one of: ${methods.join(', ')}.`;
      return sendProblem(request, reply, new ServiceError('method_not_allowed', detail));
    };
    app.addHook('onRequest', (request, reply, next) => {
      // Before the body is parsed, whose error would hide this one.
      if (request.is404) answer(request, reply);
      else next();
    });
    app.setNotFoundHandler(answer);
    done();
  },
  { name: 'not-found', dependencies: ['problem'] },
);

/** A 304 must not have another Content-Length than the corresponding 200 (RFC 9110 §8.6). */
const omitLength: onSendHookHandler = (_request, reply, payload, next) => {
  if (reply.statusCode === 304) void reply.removeHeader('content-length');
  next(null, payload);
};
