import { type SQL, sql, type SQLWrapper } from 'drizzle-orm';
import { customType, integer, timestamp } from 'drizzle-orm/pg-core';
import { SLUG_PATTERN } from '../../slug.js';

export type JsonObject = Record<string, unknown>;

/**
 * `jsonb` that stores its values unchanged: Drizzle's own column writes SQL NULL as JSON `null` when the
 * value comes from a placeholder, and postgres.js may encode a string a second time.
 */
const jsonb = {
  dataType: () => 'jsonb',
  toDriver: (value: unknown) => (value === null ? null : JSON.stringify(value)),
};
export const jsonObject = customType<{ data: JsonObject; driverData: unknown }>(jsonb);
export const jsonStrings = customType<{ data: string[]; driverData: unknown }>(jsonb);

/** Text that is compared bytewise, independent of the collation of the database. */
export const bytewiseText = customType<{ data: string }>({
  dataType: () => 'text collate "C"',
});

/** Milliseconds, the precision of a `Date`. */
export const timestampMs = (name: string) => timestamp(name, { precision: 3, withTimezone: true });

/** The columns of every versioned resource. */
export const versionAndTimestamps = {
  version: integer('version').notNull().default(1),
  createdAt: timestampMs('created_at').notNull().defaultNow(),
  updatedAt: timestampMs('updated_at').notNull().defaultNow(),
  deletedAt: timestampMs('deleted_at'),
};

/**
 * The condition that a row is deleted and can be restored, because its erasure has not begun. The erasure of a
 * namespace or a space takes many statements; the first one sets `deleted_at = '-infinity'`.
 */
export const isRestorable = (deletedAt: SQLWrapper): SQL => sql`${deletedAt} > '-infinity'`;

/** The condition that the erasure of a row has begun. */
export const isBeingErased = (deletedAt: SQLWrapper): SQL => sql`${deletedAt} = '-infinity'`;

export const slugCheck = sql.raw(`slug ~ '${SLUG_PATTERN}'`);
export const metadataCheck = sql.raw(`jsonb_typeof(metadata) = 'object'`);
