import {
  type IncomingMessage,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { problems, ServiceError } from '../../errors.js';
import { PROBLEM_TYPE, problemBody } from '../errors/problem.js';
import { REQUEST_ID, requestId } from '../observability/request-id.js';
import { securityHeaders } from './security-headers.js';

/** The limits of connections; times in milliseconds. */
export interface ConnectionLimits {
  /** until the headers of a request have arrived; also for a connection that sends nothing */
  headersTimeout: number;
  /** until the whole request has arrived */
  requestTimeout: number;
  /** between a response and the next request; sent in the header `Keep-Alive` */
  keepAliveTimeout: number;
  /** without a byte in either direction while a request is in progress */
  idleTimeout: number;
  /** in which a client must read at least `PROGRESS_BYTES` of a pending response */
  progressTimeout: number;
  /** how often the limits are checked */
  checkInterval: number;
  /** maximum number of connections; further ones are closed immediately */
  maxConnections: number;
  /** maximum number of connections from one address */
  maxConnectionsPerAddress: number;
}

export const connectionLimits: ConnectionLimits = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 72_000,
  idleTimeout: 30_000,
  progressTimeout: 30_000,
  checkInterval: 1000,
  maxConnections: 10_000,
  // High, because a proxy has the connections of many callers, but no address may use all connections.
  maxConnectionsPerAddress: 5000,
};

/** The minimum that a client must read of a response in each `progressTimeout`. */
const PROGRESS_BYTES = 32 * 1024;

/** Maximum size of the body of a rejected request that is read and discarded, so that the response arrives. */
const DISCARD_MAX_BYTES = 64 * 2 ** 20;

/** A name or an address, with an optional port (RFC 9110 §7.2). */
const HOST = /^(?:\[[\da-f:.]+\]|[\w.~%-]+)(?::\d{0,5})?$/i;

/** Sockets with a response that was sent before the whole request had arrived. */
const answeredEarly = new WeakSet<Socket>();

/** The response to the last request of each socket, finished or not. */
const lastResponses = new WeakMap<Socket, ServerResponse>();

/** Sockets whose malformed bytes are answered after the response in progress. */
const ending = new WeakSet<Socket>();

/** Requests with `Expect: 100-continue`, whose client waits before it sends the body. */
const awaitingContinue = new WeakSet<IncomingMessage>();

/** Sends `100 Continue`, just before the body is read (RFC 9110 §10.1.1). */
export function sendContinue(request: FastifyRequest, reply: FastifyReply): void {
  if (awaitingContinue.delete(request.raw)) reply.raw.writeContinue();
}

/** @returns the options of Fastify for the limits */
export function connectionOptions(limits: ConnectionLimits) {
  const http: ServerOptions = {
    headersTimeout: limits.headersTimeout,
    connectionsCheckingInterval: limits.checkInterval,
    // Otherwise Node uses the first of several equal headers, while a proxy may have used the last.
    joinDuplicateHeaders: true,
    // Node would reject the request without a body; the hook below checks Host.
    requireHostHeader: false,
  };
  return {
    http,
    requestTimeout: limits.requestTimeout,
    keepAliveTimeout: limits.keepAliveTimeout,
    connectionTimeout: limits.idleTimeout,
    clientErrorHandler: refuse,
  };
}

/**
 * Limits connections, and rejects requests with an ambiguous framing, an invalid Host or an unknown expectation
 * (RFC 9112 §3.2, §6.1; RFC 9110 §10.1.1). The body of a rejected request is read to its end, because closing a
 * connection with unread bytes can destroy the response before the client reads it (RFC 9112 §9.6).
 */
export const connectionsPlugin = fp<ConnectionLimits>(
  (app, limits, done) => {
    const watch = watchSockets(limits);
    app.server.on('connection', watch.add);
    app.server.on('request', ({ socket }: IncomingMessage, response: ServerResponse) => {
      lastResponses.set(socket, response);
    });
    app.addHook('onClose', watch.stop);
    // Node would reject an unknown expectation without a body; the hook below rejects it.
    app.server.on('checkExpectation', (request, response) => {
      app.server.emit('request', request, response);
    });

    // Node would send 100 Continue at once, also for a request that is rejected later. See `sendContinue`.
    app.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      awaitingContinue.add(request);
      app.server.emit('request', request, response);
    });

    app.addHook('onRequest', (request, reply, next) => {
      const problem = headerProblem(request);
      answeredEarly.delete(request.raw.socket);
      if (problem === null) {
        next();
      } else {
        // Where the body cannot be delimited, the following bytes are not a request.
        if (request.headers['transfer-encoding'] !== undefined) reply.header('connection', 'close');
        next(problem);
      }
    });
    app.addHook('onSend', ({ raw }, reply, _payload, next) => {
      if (isUploading(raw) && isDelimited(raw)) {
        void reply.removeHeader('connection');
        answeredEarly.add(raw.socket);
        let discarded = 0;
        raw.on('data', (chunk: Buffer) => {
          discarded += chunk.length;
          if (discarded > DISCARD_MAX_BYTES) raw.socket.destroy();
        });
      }
      next();
    });
    done();
  },
  { name: 'connections', dependencies: ['problem'] },
);

/** @returns the problem with the headers of a request, or null */
function headerProblem({ headers, raw }: FastifyRequest): ServiceError | null {
  const { host, expect } = headers;
  if (host === undefined ? raw.httpVersion !== '1.0' : !HOST.test(host)) {
    const detail =
      'The header Host is missing, repeated or invalid. Send it once, with the host name or address of the service.';
    return new ServiceError('malformed_request', detail);
  }
  if (!isDelimited(raw)) {
    const detail =
      'The Transfer-Encoding is not supported. Send Content-Length, or only Transfer-Encoding: chunked.';
    return new ServiceError('malformed_request', detail);
  }
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    const detail =
      'The header Expect is not supported with this value. Send 100-continue, or omit the header.';
    return new ServiceError('expectation_failed', detail);
  }
  return null;
}

/** @returns whether a part of the request has not arrived yet */
export function isUploading({ complete, headers }: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = headers;
  return !complete && (coding !== undefined || length !== '0');
}

/** @returns whether the end of the body can be determined */
function isDelimited({ headers }: IncomingMessage): boolean {
  const { 'transfer-encoding': coding = 'chunked' } = headers;
  return coding.trim().toLowerCase() === 'chunked';
}

/** Closes connections beyond the limits, and connections whose client stops reading. */
function watchSockets(limits: ConnectionLimits) {
  const sockets = new Map<Socket, { since: number; delivered: number }>();
  const byAddress = new Map<string, number>();
  const timer = setInterval(() => {
    const now = performance.now();
    for (const [socket, seen] of sockets) {
      const delivered = socket.bytesWritten - socket.writableLength;
      if (socket.writableLength === 0 || delivered - seen.delivered >= PROGRESS_BYTES) {
        seen.since = now;
        seen.delivered = delivered;
      } else if (now - seen.since > limits.progressTimeout) {
        socket.destroy();
      }
    }
  }, limits.checkInterval).unref();

  return {
    add: (socket: Socket): void => {
      const { remoteAddress: address = '' } = socket;
      const others = byAddress.get(address) ?? 0;
      if (sockets.size >= limits.maxConnections || others >= limits.maxConnectionsPerAddress) {
        socket.destroy();
        return;
      }
      sockets.set(socket, { since: performance.now(), delivered: 0 });
      byAddress.set(address, others + 1);
      socket.once('close', () => {
        sockets.delete(socket);
        const left = (byAddress.get(address) ?? 1) - 1;
        if (left === 0) byAddress.delete(address);
        else byAddress.set(address, left);
      });
    },
    stop: () => {
      clearInterval(timer);
    },
  };
}

/** Responds to bytes that Node could not read as a request, and closes the connection. */
function refuse(error: Error & { code?: string }, socket: Socket): void {
  // Each further segment of such bytes is an error of its own.
  if (ending.has(socket)) return;
  // The client would mistake an unsolicited response for that of its next request.
  const isUnasked = socket.bytesRead === 0 || answeredEarly.has(socket);
  if (!socket.writable || error.code === 'ECONNRESET' || isUnasked) {
    socket.destroy();
    return;
  }
  const response = lastResponses.get(socket);
  const isAfterRequest = response?.req.complete === true && !response.writableFinished;
  if (isAfterRequest) {
    // Responses are in the order of the requests (RFC 9112 §9.3.2).
    ending.add(socket);
    response.once('finish', () => {
      // With `Connection: close` that response was the last one.
      if (socket.writable) endWith(unreadable(error.code), socket);
    });
  } else {
    endWith(unreadable(error.code), socket);
  }
}

/** Writes a problem as the last response of a connection. */
function endWith(problem: ServiceError, socket: Socket): void {
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

/** @param code the error code of Node or its parser, llhttp */
function unreadable(code: string | undefined): ServiceError {
  switch (code) {
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return new ServiceError(
        'request_timeout',
        'The request did not arrive completely in time. Send the whole request at once.',
      );
    case 'HPE_HEADER_OVERFLOW':
      return new ServiceError(
        'headers_too_large',
        'The URL and headers are larger than 16 KiB. Send smaller ones.',
      );
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return new ServiceError(
        'body_too_large',
        'The chunk extensions of the body are too large. Send chunks without extensions.',
      );
    default:
      return new ServiceError(
        'malformed_request',
        'The request is not valid HTTP/1.1 (RFC 9112). Check the client, and the proxies in between.',
      );
  }
}
