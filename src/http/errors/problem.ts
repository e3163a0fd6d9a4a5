import { type Static, Type } from '@sinclair/typebox';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { type ProblemCode, problems, ServiceError, type Violation } from '../../errors.js';
import { Failure } from '../../failure.js';
import { BATCH_MAX, ref } from '../conventions/schemas.js';
import { withoutStack } from '../observability/log-fields.js';
import { toViolation } from '../server/validation.js';
import { toProblem } from './failures.js';
import { currentAddress } from './redirect.js';

/** Maximum number of violations in a response. */
const MAX_VIOLATIONS = 20;

const problemTable = Object.entries(problems)
  .map(([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`)
  .join('\n');

// Separate schemas, so that generated clients have a named type for each.
const Code = Type.String({
  $id: 'ProblemCode',
  enum: Object.keys(problems),
  description: `Stable and machine-readable:\n\n| code | status | meaning |\n|---|---|---|\n${problemTable}`,
  examples: ['slug_conflict'],
});

const BrokenRule = Type.Object(
  {
    path: Type.String({ description: 'JSON Pointer to the field or query parameter' }),
    code: Type.String({ description: 'The violated rule' }),
    message: Type.String({ description: 'What is wrong with the value' }),
  },
  {
    $id: 'Violation',
    description: 'A violated rule',
    examples: [{ path: '/name', code: 'required', message: 'is required' }],
  },
);

export const Problem = Type.Object(
  {
    type: Type.String({
      description: 'Identifies the kind of problem: `urn:problem:` and the code',
    }),
    title: Type.String({ description: 'A summary of the kind of problem' }),
    status: Type.Integer({ minimum: 400, maximum: 599, description: 'The HTTP status' }),
    detail: Type.String({ description: 'What was wrong with this request, and what to do' }),
    instance: Type.String({ description: 'The path of the request' }),
    code: ref(Code),
    errors: Type.Optional(
      Type.Array(ref(BrokenRule), {
        maxItems: BATCH_MAX,
        description:
          'With `validation_failed` the violated rules; for a rejected batch each item that cannot be created',
      }),
    ),
  },
  { $id: 'Problem', description: 'A problem (RFC 9457)' },
);

/** The media type of every error body (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json';

const RETRY_AFTER_SECONDS = 1;

/**
 * Declares the problems of an operation.
 *
 * @returns response schemas by status, each with its codes
 */
export function problemResponses(...codes: ProblemCode[]) {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) {
    const { status } = problems[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    Array.from(byStatus, ([status, codesOfStatus]) => [
      status,
      {
        description: codesOfStatus.map((code) => `\`${code}\`: ${problems[code].title}`).join('. '),
        content: { [PROBLEM_TYPE]: { schema: ref(Problem) } },
        headers: problemHeaders(status),
      },
    ]),
  );
}

declare module 'fastify' {
  interface FastifyReply {
    /** the code of the problem that was sent, for the log and the metrics */
    problem: ProblemCode | null;
  }
}

/** @returns the headers of problems with this status, besides those of every response */
function problemHeaders(status: number): object {
  if (status === 401 || status === 403) {
    const description =
      status === 401
        ? 'How to authenticate (RFC 6750)'
        : 'With `insufficient_scope`: the required scope (RFC 6750)';
    return { 'www-authenticate': { type: 'string', description } };
  }
  if ([409, 429, 503].includes(status)) {
    const description =
      status === 409
        ? 'With `idempotency_key_in_use`: seconds to wait before a retry'
        : 'Seconds to wait before a retry';
    return { 'retry-after': { type: 'integer', minimum: 0, description } };
  }
  return {};
}

/** Minimum time between two stacks of `unavailable` in the log: an outage has the same one for each request. */
const STACK_MS = 1000;

/** Sends a problem body for every error, expected or not, without internal details. */
export const problemPlugin = fp(
  (app, _options, done) => {
    for (const schema of [Code, BrokenRule, Problem]) app.addSchema(schema);
    app.decorateReply('problem', null);
    let stackAt = -Infinity;
    const logError = (error: Error, code: ProblemCode, request: FastifyRequest) => {
      const isRepeated = code === 'unavailable' && performance.now() - stackAt < STACK_MS;
      request.log.error({ err: isRepeated ? withoutStack(error) : error });
      if (code === 'unavailable' && !isRepeated) stackAt = performance.now();
    };
    app.setErrorHandler<FastifyError>((error, request, reply) => {
      const failure = toServiceError(error);
      const address = currentAddress(request, failure);
      if (address !== null) return reply.code(308).header('location', address).send();
      // Overload is not an error of the service, and logging each request would add load.
      if (problems[failure.code].status >= 500 && failure.code !== 'overloaded') {
        logError(error, failure.code, request);
      }
      return sendProblem(request, reply, failure);
    });
    done();
  },
  { name: 'problem', dependencies: ['public-url'] },
);

/** Sends a problem as the response. */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  problem: ServiceError,
): FastifyReply {
  const { code, message } = problem;
  const { status } = problems[code];
  reply.problem = code;
  if (status === 401) void reply.header('www-authenticate', challenge(code, message));
  if (code === 'insufficient_scope') {
    const scope = String(request.routeOptions.config.scope);
    const value = `${challenge(code, message)}, scope="${scope}"`;
    void reply.header('www-authenticate', value);
  }
  if (status === 503 || code === 'idempotency_key_in_use') {
    void reply.header('retry-after', RETRY_AFTER_SECONDS);
  }
  return reply
    .code(status)
    .type(PROBLEM_TYPE)
    .send(problemBody(problem, request.server.publicPath + request.url.split('?', 1).join('')));
}

/**
 * @param instance the path of the request, empty if the request could not be parsed
 * @returns the body as indented JSON, for readers in a terminal
 */
export function problemBody({ code, message, options }: ServiceError, instance: string): string {
  const { status, title } = problems[code];
  const body: Static<typeof Problem> = {
    type: `urn:problem:${code}`,
    title,
    status,
    detail: message,
    instance,
    code,
    ...(options.violations && { errors: options.violations }),
  };
  return `${JSON.stringify(body, null, 2)}\n`;
}

/** @returns the value of `WWW-Authenticate`; without an error code where no token was sent (RFC 6750 §3) */
function challenge(code: ProblemCode, detail: string): string {
  const realm = 'Bearer realm="spaces"';
  const error = code === 'insufficient_scope' ? code : 'invalid_token';
  return code === 'token_missing'
    ? realm
    : `${realm}, error="${error}", error_description="${detail.replaceAll('"', "'")}"`;
}

/** Problems of Fastify's own errors, by their code; its other client errors are `malformed_request`. */
const fastifyErrors: Record<string, [ProblemCode, string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [
    'body_too_large',
    'The body is larger than 64 KiB. Send a smaller one, or several requests.',
  ],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'The Content-Type of the body is not supported. Send application/json; PATCH also accepts application/merge-patch+json.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'malformed_body',
    'The length of the body differs from Content-Length. Send its length in bytes.',
  ],
};

/** The parts of a request in messages, by Fastify's names. */
const partNames: Record<string, string> = {
  body: 'body',
  headers: 'headers',
  querystring: 'query string',
};

function toServiceError(error: FastifyError): ServiceError {
  if (error instanceof ServiceError) return error;
  if (error instanceof Failure) return toProblem(error);
  if (error.validation) {
    const violations = error.validation.slice(0, MAX_VIOLATIONS).map(toViolation);
    return invalid(partNames[error.validationContext ?? 'body'] ?? 'request', violations);
  }
  const known = fastifyErrors[error.code];
  if (known) return new ServiceError(...known);
  const { statusCode = 500 } = error;
  if (statusCode >= 400 && statusCode < 500) {
    return new ServiceError(
      'malformed_request',
      'The request cannot be parsed. Check the client, and the proxies in between.',
    );
  }
  return new ServiceError(
    'internal_error',
    'An unexpected error occurred in the service. Retry; if the error persists, report the x-request-id of this response, by which the log has the cause.',
  );
}

/**
 * @param where the part of the request, such as `body`
 * @returns a `validation_failed` whose detail contains the first violations
 */
export function invalid(where: string, violations: Violation[]) {
  const words = violations.slice(0, 3).map(({ path, message }) => `${path} ${message}`.trim());
  const more = violations.length > words.length ? '; and more' : '';
  return new ServiceError('validation_failed', `In the ${where}: ${words.join('; ')}${more}.`, {
    violations,
  });
}
