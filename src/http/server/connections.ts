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

/** The limits of connections; all in milliseconds but the last two. */
export interface ConnectionLimits {
  /** until the headers of a request are there; no byte at all counts, too */
  headersTimeout: number;
  /** until the whole request is there */
  requestTimeout: number;
  /** between a response and the next request, as the header `Keep-Alive` says */
  keepAliveTimeout: number;
  /** without a byte in either direction while a request is under way */
  idleTimeout: number;
  /** in which a response that is being read has to advance by `PROGRESS_BYTES` */
  progressTimeout: number;
  /** how often the limits are looked at */
  checkInterval: number;
  /** how many at once; more are closed as they come */
  maxConnections: number;
  /** how many at once from one address */
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
  // Proxies bring many callers from one address; no address takes all there is.
  maxConnectionsPerAddress: 5000,
};

/** The least that a client reads of a response in each `progressTimeout`. */
const PROGRESS_BYTES = 32 * 1024;

/** How much of a body is read and discarded after its request was rejected, so that the response arrives. */
const DISCARD_MAX_BYTES = 64 * 2 ** 20;

/** A name or an address, and maybe a port (RFC 9110 §7.2). */
const HOST = /^(?:\[[\da-f:.]+\]|[\w.~%-]+)(?::\d{0,5})?$/i;

/** Sockets whose request was answered before all of it had come. */
const answeredEarly = new WeakSet<Socket>();

/** Requests whose body comes when it is asked for: `Expect: 100-continue`. */
const awaitingContinue = new WeakSet<IncomingMessage>();

/** Asks for the body of a request that is about to be read (RFC 9110 §10.1.1). */
export function sendContinue(request: FastifyRequest, reply: FastifyReply): void {
  if (awaitingContinue.delete(request.raw)) reply.raw.writeContinue();
}

/** @returns the options of Fastify that keep to the limits */
export function connectionOptions(limits: ConnectionLimits) {
  const http: ServerOptions = {
    headersTimeout: limits.headersTimeout,
    connectionsCheckingInterval: limits.checkInterval,
    // Otherwise the first of several wins, and a proxy in front of the service may have read the last.
    joinDuplicateHeaders: true,
    // Node's own answer has no body; see the hook below.
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
 * Bounds connections, and rejects requests whose framing or addressing is not plain (RFC 9112 §3.2, §6.1; RFC 9110
 * §10.1.1). A rejected upload is read to its end, because a connection that is closed with bytes unread takes the
 * response away from the client (RFC 9112 §9.6).
 */
export const connectionsPlugin = fp<ConnectionLimits>(
  (app, limits, done) => {
    const watch = watchSockets(limits);
    app.server.on('connection', watch.add);
    app.addHook('onClose', watch.stop);
    // Node answers an expectation by itself, without a body; the hook below rejects those that are none.
    app.server.on('checkExpectation', (request, response) => {
      app.server.emit('request', request, response);
    });

    // Node would ask for the body at once; a rejected request shall not send it. See `sendContinue`.
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
        // Bytes after a body that cannot be delimited are not a request.
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

/** @returns why a request is not taken by its headers alone, or null */
function headerProblem({ headers, raw }: FastifyRequest): ServiceError | null {
  const { host, expect } = headers;
  if (host === undefined ? raw.httpVersion !== '1.0' : !HOST.test(host)) {
    const detail = 'Send the header Host once, with the name or address that the request is for.';
    return new ServiceError('malformed_request', detail);
  }
  if (!isDelimited(raw)) {
    const detail = 'Send bodies with Content-Length, or with Transfer-Encoding: chunked alone.';
    return new ServiceError('malformed_request', detail);
  }
  if (expect !== undefined && expect.toLowerCase() !== '100-continue') {
    const detail = 'The only expectation that can be met is 100-continue. Leave out Expect.';
    return new ServiceError('expectation_failed', detail);
  }
  return null;
}

/** @returns whether a part of the request is still to come */
export function isUploading({ complete, headers }: IncomingMessage): boolean {
  const { 'content-length': length = '0', 'transfer-encoding': coding } = headers;
  return !complete && (coding !== undefined || length !== '0');
}

/** @returns whether the end of a request is known */
function isDelimited({ headers }: IncomingMessage): boolean {
  const { 'transfer-encoding': coding = 'chunked' } = headers;
  return coding.trim().toLowerCase() === 'chunked';
}

/** Closes connections beyond the limits, and those whose client stops reading. */
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
  // A response that nobody asked for would be taken for that of the next request.
  const isUnasked = socket.bytesRead === 0 || answeredEarly.has(socket);
  if (!socket.writable || error.code === 'ECONNRESET' || isUnasked) {
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
