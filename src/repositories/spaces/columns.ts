import { sql } from 'drizzle-orm';
import type { JsonObject } from '../../db/schema/columns.js';
import { spaces } from '../../db/schema/spaces.js';
import { param } from '../access/statement.js';
import type { Contents } from '../contents/counters.js';
import type { Replayable } from '../idempotency.js';

/** The columns that the creator of a space sets. */
export const sentColumns = {
  id: spaces.id,
  name: spaces.name,
  slug: spaces.slug,
  description: spaces.description,
  tags: spaces.tags,
  metadata: spaces.metadata,
};

export const spaceColumns = {
  ...sentColumns,
  version: spaces.version,
  createdAt: spaces.createdAt,
  updatedAt: spaces.updatedAt,
};

export type SpaceRow = Pick<typeof spaces.$inferSelect, keyof typeof spaceColumns>;

export interface NewSpace {
  name: string;
  slug: string;
  description: string | null;
  tags: string[];
  metadata: JsonObject | null;
}

/** A space, and the counts of its contents. */
export type FilledSpace = SpaceRow & { contents: Contents };

export type NamespacedSpace = FilledSpace & { namespaceId: string };

/** Fields that are absent stay as they are. */
export type SpaceChanges = Partial<NewSpace>;

/** @returns the row with the counts of its contents */
export function withContents<Row extends object>(row: Row | null, contents: Contents) {
  return row && { ...row, contents };
}

/** @returns the row that a write has written, now or earlier with the same key */
export function answered<Written extends object>({
  stored,
  space,
}: {
  stored?: Written | null;
  space: Written | null;
}): Replayable<Written> | null {
  if (stored) return { ...stored, replayed: true };
  return space && { ...space, replayed: false };
}

/** A parameter that is written as JSON. */
export function jsonParam(name: string) {
  return sql`${sql.param(param(name), spaces.metadata)}::jsonb`;
}
