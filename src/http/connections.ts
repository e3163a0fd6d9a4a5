import { type ServerOptions, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import fp from 'fastify-plugin';
import { problems, ServiceError } from '../errors.js';
import { PROBLEM_TYPE, problemBody } from './problem.js';
import { REQUEST_ID, requestId } from './request-log.js';
import { securityHeaders } from './security.js';

/** What a connection may take; all in milliseconds but the last. */
export interface ConnectionLimits {
  /** until the headers of a request are there; no byte at all counts, too */
  headersTimeout: number;
  /** until the whole request is there */
  requestTimeout: number;
  /** without a byte in either direction: callers who do not read their answer */
  idleTimeout: number;
  /** how often the first two are looked at */
  checkInterval: number;
  /** how many at once; more are closed as they come */
  maxConnections: number;
}

export const connectionLimits: ConnectionLimits = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  idleTimeout: 30_000,
  checkInterval: 1000,
  maxConnections: 10_000,
};

/** @returns the options of Fastify that keep to the limits */
export function connectionOptions(limits: ConnectionLimits) {
  const http: ServerOptions = {
    headersTimeout: limits.headersTimeout,
    connectionsCheckingInterval: limits.checkInterval,
    // Otherwise the first of several wins, and what stands before the service may have read the last.
    joinDuplicateHeaders: true,
    // Node's own answer has no body; see the hook below.
    requireHostHeader: false,
  };
  return {
    http,
    requestTimeout: limits.requestTimeout,
    connectionTimeout: limits.idleTimeout,
    clientErrorHandler: refuse,
  };
}

/** Refuses requests without a Host and with several (RFC 9112 §3.2), and connections beyond the limit. */
export const connectionsPlugin = fp<ConnectionLimits>(
  (app, { maxConnections }, done) => {
    app.server.maxConnections = maxConnections;
    app.addHook('onRequest', (request, _reply, next) => {
      const { host } = request.headers;
      if (host === undefined ? request.raw.httpVersion !== '1.0' : host.includes(',')) {
        next(new ServiceError('malformed_request', 'Send the header Host, and send it once.'));
      } else {
        next();
      }
    });
    done();
  },
  { name: 'connections', dependencies: ['problem'] },
);

/** Answers what Node could not read as a request, and closes the connection. */
function refuse(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const problem = unreadable(error.code);
  const { status } = problems[problem.code];
  const body = problemBody(problem, '');
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `Content-Type: ${PROBLEM_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    `${REQUEST_ID}: ${requestId({ headers: {} })}`,
    ...Object.entries(securityHeaders).map(([name, value]) => `${name}: ${value}`),
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
}

/** @param code of Node or of its parser, llhttp */
function unreadable(code: string | undefined): ServiceError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ServiceError(
        'request_timeout',
        'The request did not arrive in time. Send the whole of it at once.',
      );
    case 'HPE_HEADER_OVERFLOW':
      return new ServiceError(
        'headers_too_large',
        'Send at most 16 KiB of headers, the URL included.',
      );
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ServiceError('body_too_large', 'Send no extensions of chunks.');
    default:
      return new ServiceError(
        'malformed_request',
        'This is not HTTP/1.1 as RFC 9112 has it. Look at what sent it, or passed it on.',
      );
  }
}
