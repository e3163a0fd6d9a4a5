import type { FastifySchema } from 'fastify';
import type { ProblemCode } from '../../errors.js';
import type { Role } from '../../repositories/access/principal.js';

export function roleProblems(role: Role | null): ProblemCode[] {
  if (role === null) return [];
  return role === 'viewer' ? ['namespace_not_found'] : ['namespace_not_found', 'insufficient_role'];
}

/** The problems that follow from the headers that a route takes. */
export function headerProblems(headers: unknown): ProblemCode[] {
  const properties: unknown =
    typeof headers === 'object' && headers !== null ? Reflect.get(headers, 'properties') : null;
  const takes = (name: string) =>
    typeof properties === 'object' && properties !== null && name in properties;
  return [
    ...(takes('if-match') ? (['precondition_failed'] as const) : []),
    ...(takes('idempotency-key')
      ? (['idempotency_key_in_use', 'idempotency_key_reused'] as const)
      : []),
  ];
}

export function takesInput({ querystring, headers, body }: FastifySchema = {}): boolean {
  return Boolean(querystring ?? headers ?? body);
}

/** @returns whether requests with the method have their body parsed, even where none is declared */
export function readsBody(method: string | string[]): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

export const INPUT_PROBLEMS: ProblemCode[] = ['validation_failed'];

export const BODY_PROBLEMS: ProblemCode[] = [
  'malformed_body',
  'body_too_large',
  'unsupported_media_type',
];
