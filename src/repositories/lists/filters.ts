import { type SQL, sql } from 'drizzle-orm';
import type { JsonObject } from '../../db/schema/columns.js';
import { param } from '../access/statement.js';
import type { Condition } from './selection.js';

/** @returns the least UUIDv7 of a millisecond (RFC 9562 §5.7) */
function firstIdOf(time: Date): string {
  const hex = time.getTime().toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** Below it an inverted index of trigrams has nothing to look up. */
const SEARCHABLE = /[\p{L}\p{N}]{3}/u;

/** Filters that every list has; null and an empty list ask for nothing. */
export interface CommonFilters {
  /** a part of the searched text, in any case */
  text: string | null;
  /** all of them */
  tags: string[];
  /** is contained in the metadata */
  metadata: JsonObject | null;
  /** at that time or later */
  createdAfter: Date | null;
  /** before that time */
  createdBefore: Date | null;
  /** at that time or later */
  updatedAfter: Date | null;
}

/**
 * Collects the conditions of a list, beginning with those that every list has.
 *
 * @param searchedText the text that the inverted index knows
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
