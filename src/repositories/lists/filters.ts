import { type SQL, sql } from 'drizzle-orm';
import type { JsonObject } from '../../db/schema/columns.js';
import { param } from '../access/statement.js';
import type { Condition } from './selection.js';

/** @returns the lowest UUIDv7 of a millisecond (RFC 9562 §5.7) */
function firstIdOf(time: Date): string {
  const hex = time.getTime().toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** A text that a trigram index can find: three letters or digits in a row. */
const SEARCHABLE = /[\p{L}\p{N}]{3}/u;

/** Filters that lists share; null and an empty list disable a filter. */
export interface CommonFilters {
  /** a substring of the searched text, ignoring case */
  text: string | null;
  /** all of them */
  tags: string[];
  /** an object that the metadata contains */
  metadata: JsonObject | null;
  /** at that time or later */
  createdAfter: Date | null;
  /** before that time */
  createdBefore: Date | null;
  /** at that time or later */
  updatedAfter: Date | null;
}

/**
 * Collects the conditions of a list, starting with the common filters.
 *
 * @param searchedText the expression of the inverted index
 * @returns the conditions, their values, and a function that adds one
 */
export function commonConditions(
  { text, tags, metadata, createdAfter, createdBefore, updatedAfter }: CommonFilters,
  searchedText: SQL,
) {
  const conditions: Condition[] = [];
  const values: Record<string, unknown> = {};
  const add = (name: string, value: unknown, by: string | null, condition: SQL) => {
    values[name] = value;
    conditions.push({ name, sql: condition, by });
  };
  if (text !== null) {
    const pattern = `%${text.replace(/[\\%_]/g, '\\$&')}%`;
    const by = SEARCHABLE.test(text) ? 'search' : null;
    add('text', pattern, by, sql`${searchedText} ilike ${param('text')}`);
  }
  if (tags.length > 0) {
    add('tags', JSON.stringify(tags), 'search', sql`tags @> ${param('tags')}::jsonb`);
  }
  if (metadata !== null) {
    const value = JSON.stringify(metadata);
    add('metadata', value, 'search', sql`metadata @> ${param('metadata')}::jsonb`);
  }
  if (createdAfter !== null) {
    add(
      'createdAfter',
      firstIdOf(createdAfter),
      'createdAt',
      sql`id >= ${param('createdAfter')}::uuid`,
    );
  }
  if (createdBefore !== null) {
    add(
      'createdBefore',
      firstIdOf(createdBefore),
      'createdAt',
      sql`id < ${param('createdBefore')}::uuid`,
    );
  }
  if (updatedAfter !== null) {
    const first = updatedAfter.toISOString();
    add(
      'updatedAfter',
      first,
      'updatedAt',
      sql`updated_at >= ${param('updatedAfter')}::timestamptz`,
    );
  }
  return { conditions, values, add };
}
