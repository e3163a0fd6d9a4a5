import { type TProperties, Type } from '@sinclair/typebox';
import type { FastifyRequest } from 'fastify';
import type { JsonObject } from '../../db/schema/columns.js';
import type { CommonFilters } from '../../repositories/lists/filters.js';
import { SKIPPED_MAX } from '../../repositories/lists/numbered-pages.js';
import { type Selection, type State, states } from '../../repositories/lists/selection.js';
import { invalid } from '../errors/problem.js';
import { findUnsafeNumber } from '../server/json-numbers.js';
import { jsonProblem } from '../server/keywords.js';
import type { CursorList, KeyType } from './cursor.js';
import {
  cursorProperty,
  NAME_MAX_LENGTH,
  PAGE_SIZE_MAX,
  pageQueryProperties,
  Query,
  Tag,
  TAGS_MAX,
  Text,
} from './schemas.js';

/**
 * PostgreSQL compares a nested array with every stored one, and cannot cancel that; so there are no nested
 * arrays.
 */
const FILTER_LIMITS = { maxBytes: 1024, maxDepth: 16, maxNodes: 50, flatArrays: true };

const LEAP_SECOND = /(:\d\d):60/;

/**
 * The last time with a four-digit year, in milliseconds: PostgreSQL cannot parse longer years in the format of
 * JavaScript.
 */
const TIME_MAX = Date.parse('9999-12-31T23:59:59.999Z');

const Time = (description: string) =>
  Type.Optional(
    Type.String({ format: 'date-time', description, examples: ['2026-11-23T09:30:00.000Z'] }),
  );

/** Declares a filter for a substring. @param what the searched fields */
export const TextFilter = (what: string) =>
  Type.Optional(
    Text({
      'x-text': 'prose',
      minLength: 1,
      maxLength: NAME_MAX_LENGTH,
      // A control character separates the searched fields in the index.
      pattern: '^[^\\u0000-\\u001f]*$',
      description: `A substring of ${what}, ignoring case; at most ${NAME_MAX_LENGTH} characters, no control characters.`,
      examples: ['robot'],
    }),
  );

interface ListQueryOptions<Sort extends string, Filters extends TProperties> {
  /** the plural of the resource */
  items: string;
  /** the fields that `q` searches */
  searched: string;
  sortFields: readonly Sort[];
  /** the filters that only this list has */
  filters: Filters;
}

/** Declares the query string of a list with filters, an order and states. */
export function ListQuery<Sort extends string, Filters extends TProperties>({
  items,
  searched,
  sortFields,
  filters,
}: ListQueryOptions<Sort, Filters>) {
  return Query({
    ...pageQueryProperties,
    q: TextFilter(searched),
    tag: Type.Optional(
      Type.Array(Text({ 'x-text': 'name', ...Tag }), {
        maxItems: TAGS_MAX,
        description: `Items with this tag. Repeat it, up to ${TAGS_MAX} times, for items with all of the tags.`,
        examples: [['robotics']],
      }),
    ),
    ...filters,
    metadata: Type.Optional(
      Type.String({
        minLength: 2,
        maxLength: FILTER_LIMITS.maxBytes,
        description: `A JSON object that the metadata contains, with the semantics of PostgreSQL's \`@>\`: at most ${FILTER_LIMITS.maxBytes} bytes, ${FILTER_LIMITS.maxDepth} levels and ${FILTER_LIMITS.maxNodes} values, and no arrays or objects inside arrays.`,
        examples: ['{"team":"lab-a"}'],
      }),
    ),
    createdAfter: Time('Created at this time (RFC 3339) or later.'),
    createdBefore: Time('Created before this time (RFC 3339).'),
    updatedAfter: Time('Last written at this time (RFC 3339) or later.'),
    sort: Type.Unsafe<`${'' | '-'}${Sort}`>(
      Type.String({
        enum: [...sortFields, ...sortFields.map((field) => `-${field}`)],
        default: 'createdAt',
        description:
          'The sort field; with `-` in descending order. Names are compared in lower case by code point; items with equal values are in the order of creation.',
      }),
    ),
    state: Type.Unsafe<State>(
      Type.String({
        enum: states,
        default: 'active',
        description: `Which ${items} to list: \`deleted\` ones can still be restored. With another state than \`active\` each item has \`deletedAt\`.`,
      }),
    ),
    ...cursorProperty,
  });
}

/** The parameters that every `ListQuery` has. */
interface AskedList {
  q?: string;
  tag?: string[];
  metadata?: string;
  createdAfter?: string;
  createdBefore?: string;
  updatedAfter?: string;
  sort: string;
  state: State;
}

/**
 * @returns the filters that every list has; null for each one that is absent
 * @throws `ServiceError` `validation_failed` for a value that its schema cannot check
 */
export function commonFilters(asked: AskedList): CommonFilters {
  return {
    text: asked.q ?? null,
    tags: asked.tag ?? [],
    metadata: asked.metadata === undefined ? null : metadataOf(asked.metadata),
    createdAfter: timeOf('createdAfter', asked.createdAfter),
    createdBefore: timeOf('createdBefore', asked.createdBefore),
    updatedAfter: timeOf('updatedAfter', asked.updatedAfter),
  };
}

/** @returns the requested order and state */
export function orderOf<Sort extends string>(
  { sort, state }: Pick<AskedList, 'sort' | 'state'>,
  sortFields: readonly [Sort, ...Sort[]],
) {
  const field = sortFields.find((name) => sort.endsWith(name)) ?? sortFields[0];
  return { state, sort: field, descending: sort.startsWith('-') };
}

/** Parameters that are not filters; `recursive` only modifies `folder`. */
const UNFILTERED = new Set(['page', 'pageSize', 'sort', 'state', 'cursor', 'recursive']);

/**
 * Caches the selections without filters, which most requests have: there are few orders and states.
 *
 * @param select converts a query string to a selection
 */
export function selector<Asked extends AskedList, Selected>(select: (asked: Asked) => Selected) {
  const unfiltered = new Map<string, Selected>();
  return (asked: Asked): Selected => {
    for (const name in asked) if (!UNFILTERED.has(name)) return select(asked);
    const key = `${asked.sort} ${asked.state}`;
    const known = unfiltered.get(key);
    if (known !== undefined) return known;
    const selection = select(asked);
    unfiltered.set(key, selection);
    return selection;
  };
}

const keyTypes: Record<string, KeyType> = { createdAt: 'uuid', updatedAt: 'time' };

/**
 * @param name the resource, unless it is spaces
 * @returns the identity of the list for its cursors, in its namespace and space
 */
export function cursorList(
  name: string[],
  { sort, descending, state, values }: Selection<string>,
): CursorList {
  return {
    list: JSON.stringify([...name, sort, descending, state, values]),
    types: { key: keyTypes[sort] ?? 'text', id: 'uuid' },
  };
}

/** Parameters of a list that do not make it a search. */
const PLAIN = ['page', 'pageSize', 'sort', 'cursor'];

/**
 * Only by the names of the parameters: a filter that selects everything counts as a search. The repository decides
 * by the selection itself on which pool it runs (`repositories/lists/selection.ts`).
 *
 * @param plain the parameters of this list that do not make it a search
 * @returns a function that returns whether a list may take long, because matches must be counted or the page is
 *   deep
 */
export function searchRule(...plain: string[]) {
  const others = new Set([...PLAIN, ...plain]);
  return ({ query }: Pick<FastifyRequest, 'query'>): boolean => {
    const given = Object.entries(query ?? {});
    const number = (name: string) => Number(given.find(([one]) => one === name)?.[1] ?? 1);
    return (
      given.some(([name, value]) => (name === 'state' ? value !== 'active' : !others.has(name))) ||
      (number('page') - 1) * Math.min(number('pageSize'), PAGE_SIZE_MAX) > SKIPPED_MAX
    );
  };
}

function invalidParameter(name: string, code: string, message: string) {
  return invalid('query string', [{ path: `/${name}`, code, message }]);
}

function metadataOf(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalidParameter('metadata', 'json', 'must be a JSON object, such as {"team":"lab-a"}');
  }
  if (!isObject(value)) throw invalidParameter('metadata', 'type', 'must be a JSON object');
  const unsafe = findUnsafeNumber(text, 'metadata');
  if (unsafe) throw invalid('query string', [unsafe]);
  const problem = jsonProblem(value, FILTER_LIMITS);
  if (problem !== null) throw invalidParameter('metadata', 'json_limits', problem);
  return value;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Times are stored in milliseconds, so a time between two milliseconds is rounded up. */
function timeOf(name: string, text: string | undefined): Date | null {
  if (text === undefined) return null;
  // JavaScript does not support leap seconds; for PostgreSQL one is the first second of the next minute.
  const isLeap = LEAP_SECOND.test(text);
  const milliseconds = Date.parse(text.replace(LEAP_SECOND, '$1:59').toUpperCase());
  if (Number.isNaN(milliseconds)) throw invalidParameter(name, 'format', 'must be a date-time');
  const isBetween = /\.\d{3}\d*[1-9]/.test(text);
  const shift = (isLeap ? 1000 : 0) + (isBetween ? 1 : 0);
  return new Date(Math.min(Math.max(milliseconds + shift, 0), TIME_MAX));
}
