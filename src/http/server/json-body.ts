import { isUtf8 } from 'node:buffer';
import type { FastifyBodyParser, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { JsonObject } from '../../db/schema/columns.js';
import { ServiceError } from '../../errors.js';
import { METADATA_LIMITS } from '../conventions/schemas.js';
import { invalid } from '../errors/problem.js';
import { sendContinue } from './connections.js';
import { findUnsafeNumber } from './json-numbers.js';
import { jsonProblem } from './keywords.js';

/** Maximum size of a body in bytes. */
export const BODY_LIMIT = 64 * 1024;

const MERGE_PATCH = 'application/merge-patch+json';

/** Parses JSON bodies only: in UTF-8, and without keys that could pollute a prototype. */
export const jsonBodyPlugin = fp(
  (app, _options, done) => {
    const parseText = app.getDefaultJsonParser('error', 'error');
    const parseJson: FastifyBodyParser<Buffer> = (request, body, parsed) => {
      if (body.length === 0) {
        parsed(null, undefined);
      } else if (!isUtf8(body)) {
        parsed(malformed('The body is not valid UTF-8. Send JSON in UTF-8.'));
      } else {
        const text = body.toString();
        void parseText(request, text, (error, value) => {
          const unsafe = error ? null : findUnsafeNumber(text);
          if (error) parsed(malformed(NOT_JSON));
          else if (unsafe) parsed(invalid('body', [unsafe]));
          else parsed(null, value);
        });
      }
    };

    app.addHook('preParsing', (request, reply, payload, next) => {
      const coding = request.headers['content-encoding'] ?? 'identity';
      if (!hasBody(request) || coding.trim().toLowerCase() === 'identity') {
        const length = Number(request.headers['content-length'] ?? 0);
        if (hasBody(request) && length <= BODY_LIMIT) sendContinue(request, reply);
        next(null, payload);
        return;
      }
      void reply.header('accept-encoding', 'identity');
      const detail = 'A body with a Content-Encoding is not supported. Send the body uncompressed.';
      next(new ServiceError('unsupported_media_type', detail));
    });
    app.removeAllContentTypeParsers();
    app.addContentTypeParser('application/json', { parseAs: 'buffer' }, parseJson);
    app.addContentTypeParser<Buffer>(
      MERGE_PATCH,
      { parseAs: 'buffer' },
      (request, body, parsed) => {
        if (request.method === 'PATCH') {
          parseJson(request, body, parsed);
        } else {
          const detail = `${MERGE_PATCH} is supported for PATCH only. Send application/json.`;
          parsed(new ServiceError('unsupported_media_type', detail));
        }
      },
    );
    done();
  },
  { name: 'json-body', dependencies: ['problem'] },
);

/** @returns whether a request has a body that is parsed; that of a GET is ignored (RFC 9110 §9.3.1) */
function hasBody({ method, headers }: FastifyRequest): boolean {
  if (method === 'GET' || method === 'HEAD') return false;
  const { 'content-length': length = '0', 'transfer-encoding': transfer } = headers;
  return transfer !== undefined || length !== '0';
}

const NOT_JSON =
  'The body is not valid JSON. Check its quotes, commas and braces; keys such as __proto__ are not allowed.';

function malformed(detail: string): ServiceError {
  return new ServiceError('malformed_body', detail);
}

/** The media types of PATCH requests. */
export const PATCH_TYPES = ['application/json', MERGE_PATCH];

/**
 * Returns the merge of the metadata of a PATCH.
 *
 * @param patch the `metadata` of the body
 * @returns a function that merges it into the stored metadata (RFC 7396), or null when the body is
 *   not a merge patch or its `metadata` is not an object
 */
export function metadataMerge(
  request: FastifyRequest,
  patch: JsonObject | null | undefined,
): ((stored: JsonObject | null) => JsonObject) | null {
  if (!patch || !request.headers['content-type']?.toLowerCase().startsWith(MERGE_PATCH)) {
    return null;
  }
  return (stored) => {
    const merged = mergePatch(stored ?? {}, patch);
    const problem = jsonProblem(merged, METADATA_LIMITS);
    if (problem === null) return merged;
    throw invalid('body', [
      {
        path: '/metadata',
        code: 'json_limits',
        message: `merged into the stored metadata ${problem}`,
      },
    ]);
  };
}

/** RFC 7396 §2 for objects: null removes a member, objects are merged, other values replace. */
function mergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const merged = { ...target };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) Reflect.deleteProperty(merged, key);
    else merged[key] = isObject(value) ? mergePatch(objectOr(merged[key]), value) : value;
  }
  return merged;
}

function objectOr(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
