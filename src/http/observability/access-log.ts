import {
  type FastifyReply,
  type FastifyRequest,
  LogController,
  type onSendHookHandler,
} from 'fastify';
import fp from 'fastify-plugin';
import { pathOf, shownParameter, subjectOf } from './log-fields.js';

declare module 'fastify' {
  interface FastifyReply {
    /** the paths of the created resources, where `Location` cannot hold them; for the audit log */
    created: readonly string[] | null;
  }
}

/** Logs one line for each request, after its response. */
export class RequestLog extends LogController {
  override incomingRequest(): void {
    // `requestCompleted` logs the request.
  }

  override requestCompleted(
    error: Error | null | undefined,
    request: FastifyRequest,
    reply: FastifyReply,
  ): void {
    request.log.info(
      {
        // One literal, because composing it from parts takes four times as long.
        method: request.method,
        path: pathOf(request),
        route: request.routeOptions.url,
        status: reply.statusCode,
        outcome: reply.problem ?? 'ok',
        milliseconds: Math.round(reply.elapsedTime * 1000) / 1000,
        subject: subjectOf(request),
        namespace: shownParameter(request, 'slug'),
        ...(error && { err: error }),
      },
      'answered',
    );
  }
}

/** @returns true for a permanent deletion, undefined for all other requests, whose lines omit the field */
function isPermanent(query: unknown): true | undefined {
  return typeof query === 'object' &&
    query !== null &&
    'permanent' in query &&
    query.permanent === true
    ? true
    : undefined;
}

const READS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Writes a line for each write of the context it is registered in, successful or not: the caller, the
 * operation, the resource and the result. The line is written at every log level, and also when the client
 * has disconnected. It contains nothing of the body, except the paths of created resources.
 */
export const auditPlugin = fp(
  (app, _options, done) => {
    app.decorateReply('created', null);
    const log = app.log.child({ audit: true }, { level: 'info' });
    app.addHook('onRoute', (route) => {
      if ([route.method].flat().every((method) => READS.has(method))) return;
      const operation = route.schema?.operationId;
      const audit: onSendHookHandler = (request, reply, payload, next) => {
        // The caller is not known yet, and logging would add load.
        if (reply.problem === 'overloaded') {
          next(null, payload);
          return;
        }
        log.info(
          {
            reqId: request.id,
            operation,
            by: subjectOf(request),
            namespace: shownParameter(request, 'slug'),
            space: shownParameter(request, 'projectSlug'),
            member: shownParameter(request, 'subject'),
            folder: shownParameter(request, 'folderId'),
            episode: shownParameter(request, 'name'),
            asset: shownParameter(request, 'assetId'),
            created:
              reply.created ?? (reply.statusCode === 201 ? reply.getHeader('location') : undefined),
            permanent: isPermanent(request.query),
            replayed: reply.getHeader('idempotent-replayed'),
            status: reply.statusCode,
            outcome: reply.problem ?? 'ok',
          },
          'write',
        );
        next(null, payload);
      };
      route.onSend = [route.onSend ?? [], audit].flat();
    });
    done();
  },
  { name: 'audit', dependencies: ['problem'] },
);
