import { sql } from 'drizzle-orm';
import { bigint, integer, pgEnum, pgTable, primaryKey, smallint, uuid } from 'drizzle-orm/pg-core';
import { namespaces } from './namespaces.js';

export const contentKind = pgEnum('content_kind', ['folders', 'episodes', 'assets']);

/**
 * The numbers of active folders, episodes and assets of a space, in slots like those of `space_counters`. The
 * sum of the revisions of one kind is the revision of its lists.
 */
export const contentCounters = pgTable(
  'content_counters',
  {
    namespaceId: uuid('namespace_id')
      .notNull()
      .references(() => namespaces.id),
    spaceId: uuid('space_id').notNull(),
    kind: contentKind('kind').notNull(),
    slot: smallint('slot').notNull(),
    active: integer('active').notNull(),
    revision: bigint('revision', { mode: 'bigint' })
      .notNull()
      .default(sql`0`),
  },
  (table) => [primaryKey({ columns: [table.namespaceId, table.spaceId, table.kind, table.slot] })],
);
