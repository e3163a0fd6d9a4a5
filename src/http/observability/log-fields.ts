import type { FastifyRequest } from 'fastify';
import postgres from 'postgres';
import { quotesCaller } from '../../db/errors.js';
import { SUBJECT_MAX_LENGTH } from '../conventions/schemas.js';

type ErrorFields = Record<string, unknown>;

/**
 * The fields of an error for the log, without data of the caller, such as PostgreSQL's `detail` and `where`.
 *
 * @param error an error, or its fields, which are returned unchanged
 */
export function serializeError(error: Error | ErrorFields): ErrorFields {
  return error instanceof Error ? fieldsOf(error, true) : error;
}

/** The same without stacks, for an error that many requests have at the same time. */
export function withoutStack(error: Error): ErrorFields {
  return fieldsOf(error, false);
}

function fieldsOf(error: Error, hasStack: boolean): ErrorFields {
  const { cause } = error;
  const message = shorten(quotesCaller(error) ? 'A statement failed' : error.message);
  const frames = /\n {4}at .*$/s.exec(error.stack ?? '')?.[0] ?? '';
  return {
    type: error.name,
    message,
    ...(hasStack && { stack: `${error.name}: ${message}${frames}` }),
    ...(error instanceof postgres.PostgresError && {
      sqlState: error.code,
      constraint: error.constraint_name,
    }),
    ...(cause instanceof Error && { cause: fieldsOf(cause, hasStack) }),
  };
}

/** Maximum length of a text from a request in a log line. */
const SHOWN_MAX = 1000;

function shorten(text: string): string {
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
}

export function pathOf({ url }: FastifyRequest): string {
  return shorten(url.split('?', 1).join(''));
}

/** @returns a path parameter; undefined if the route does not have it */
export function parameter({ params }: FastifyRequest, name: string): unknown {
  return typeof params === 'object' && params !== null ? Reflect.get(params, name) : undefined;
}

/** @returns a path parameter, cut to the maximum length of an existing name */
export function shownParameter(request: FastifyRequest, name: string): string | undefined {
  const value = parameter(request, name);
  return typeof value === 'string' ? value.slice(0, SUBJECT_MAX_LENGTH) : undefined;
}

/** @returns the caller's subject; undefined for a request without a verified token */
export function subjectOf({ user }: { user?: { subject: string } | null }): string | undefined {
  return user?.subject;
}
