import { type Static, Type } from '@sinclair/typebox';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { type ProblemCode, problems, ServiceError, type Violation } from '../../errors.js';
import { Failure } from '../../failure.js';
import { BATCH_MAX, ref } from '../conventions/schemas.js';
import { toViolation } from '../server/validation.js';
import { toProblem } from './failures.js';
import { currentAddress } from './redirect.js';

/** How many violated rules are named: enough to mend a body by, however many it violates. */
const MAX_VIOLATIONS = 20;

const problemTable = Object.entries(problems)
  .map(([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`)
  .join('\n');

// Schemas of their own, so that generated clients have a name for each.
const Code = Type.String({
  $id: 'ProblemCode',
  enum: Object.keys(problems),
  description: `Stable and machine-readable:\n\n| code | status | meaning |\n|---|---|---|\n${problemTable}`,
  examples: ['slug_conflict'],
});

const BrokenRule = Type.Object(
  {
    path: Type.String({ description: 'JSON Pointer to the field or query parameter' }),
    code: Type.String({ description: 'The rule that was violated' }),
    message: Type.String({ description: 'The rule in words' }),
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
    title: Type.String({ description: 'The kind of problem in words' }),
    status: Type.Integer({ minimum: 400, maximum: 599, description: 'The HTTP status' }),
    detail: Type.String({ description: 'What was wrong with this request and what to do next' }),
    instance: Type.String({ description: 'The path of the request' }),
    code: ref(Code),
    errors: Type.Optional(
      Type.Array(ref(BrokenRule), {
        maxItems: BATCH_MAX,
        description:
          'With `validation_failed` each violated rule, with `slug_conflict` of a batch each slug to change',
      }),
    ),
  },
  { $id: 'Problem', description: 'A problem (RFC 9457)' },
);

/** The media type of every error body (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json';

const RETRY_AFTER_SECONDS = 1;

/**
 * Declares the problems that an operation can answer.
 *
 * @returns response schemas by status, each naming the codes it can carry
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
    /** which problem the request was answered with, for the log and the metrics */
    problem: ProblemCode | null;
  }
}

/** The headers that an answer with this status can have beside those of every answer. */
function problemHeaders(status: number): object {
  if (status === 401 || status === 403) {
    const description =
      status === 401
        ? 'How to authenticate (RFC 6750)'
        : 'With `insufficient_scope`: the scope that the token lacks (RFC 6750)';
    return { 'www-authenticate': { type: 'string', description } };
  }
  if ([409, 429, 503].includes(status)) {
    const description =
      status === 409
        ? 'With `idempotency_key_in_use`: seconds to wait before the request is sent again'
        : 'Seconds to wait before the request is sent again';
    return { 'retry-after': { type: 'integer', minimum: 0, description } };
  }
  return {};
}

/** Answers every failure, expected or not, as a problem body; nothing internal is sent. */
export const problemPlugin = fp(
  (app, _options, done) => {
    for (const schema of [Code, BrokenRule, Problem]) app.addSchema(schema);
    app.decorateReply('problem', null);
    app.setErrorHandler<FastifyError>((error, request, reply) => {
      const failure = toServiceError(error);
      const address = currentAddress(request, failure);
      if (address !== null) return reply.code(308).header('location', address).send();
      // Overload is no fault of ours, and no time to write about each request.
      if (problems[failure.code].status >= 500 && failure.code !== 'overloaded') {
        request.log.error({ err: error });
      }
      return sendProblem(request, reply, failure);
    });
    done();
  },
  { name: 'problem', dependencies: ['public-url'] },
);

/** Answers a request with a problem. */
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
 * @param instance the path of the request, empty where none could be read
 * @returns the body as JSON that reads well in a terminal
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

/** RFC 6750 §3: no error code where no token was sent. */
function challenge(code: ProblemCode, detail: string): string {
  const realm = 'Bearer realm="spaces"';
  const error = code === 'insufficient_scope' ? code : 'invalid_token';
  return code === 'token_missing'
    ? realm
    : `${realm}, error="${error}", error_description="${detail.replaceAll('"', "'")}"`;
}

/** Fastify's own errors, by their code; the rest of its client errors is `malformed_request`. */
const fastifyErrors: Record<string, [ProblemCode, string]> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [
    'body_too_large',
    'The body is larger than 64 KiB. Send a smaller one.',
  ],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [
    'unsupported_media_type',
    'Send the body as application/json; PATCH takes application/merge-patch+json too.',
  ],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [
    'malformed_body',
    'The body is not as long as Content-Length says. Send its length in bytes.',
  ],
};

/** The names of the parts of a request, by Fastify's names. */
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
      'The request cannot be read. Look at what sent it, or passed it on.',
    );
  }
  return new ServiceError(
    'internal_error',
    'This is our fault. Try again; should it last, report the x-request-id of this answer, which the log has too.',
  );
}

/**
 * @param where the part of the request
 * @returns a `validation_failed` whose detail begins with the first of the violations
 */
export function invalid(where: string, violations: Violation[]) {
  const words = violations.slice(0, 3).map(({ path, message }) => `${path} ${message}`.trim());
  const more = violations.length > words.length ? '; and more' : '';
  return new ServiceError('validation_failed', `In the ${where}: ${words.join('; ')}${more}.`, {
    violations,
  });
}
