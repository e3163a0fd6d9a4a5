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

/** A space with the counts of its contents. */
export type FilledSpace = SpaceRow & { contents: Contents };

export type NamespacedSpace = FilledSpace & { namespaceId: string };

/** Absent fields stay unchanged. */
export type SpaceChanges = Partial<NewSpace>;

/** @returns the row with the counts of its contents */
export function withContents<Row extends object>(row: Row | null, contents: Contents) {
  return row && { ...row, contents };
}

/** @returns the row of a write, executed now or by an earlier request with the same key */
export function toReplayable<Written extends object>({
  stored,
  space,
}: {
  stored?: Written | null;
  space: Written | null;
}): Replayable<Written> | null {
  if (stored) return { ...stored, replayed: true };
  return space && { ...space, replayed: false };
}

/** A parameter of type `jsonb`. */
export function jsonParam(name: string) {
  return sql`${sql.param(param(name), spaces.metadata)}::jsonb`;
}
