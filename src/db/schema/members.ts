import { index, pgEnum, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { versionAndTimestamps } from './columns.js';
import { namespaces } from './namespaces.js';

/** From the least to the most powerful: PostgreSQL compares the values of an enum in this order. */
export const memberRole = pgEnum('member_role', ['viewer', 'editor', 'owner']);

/** The role of each member of a namespace. Distributed by `namespace_id`. */
export const members = pgTable(
  'members',
  {
    namespaceId: uuid('namespace_id')
      .notNull()
      .references(() => namespaces.id),
    subject: text('subject').notNull(),
    role: memberRole('role').notNull(),
    createdAt: versionAndTimestamps.createdAt,
    updatedAt: versionAndTimestamps.updatedAt,
  },
  (table) => [
    primaryKey({ columns: [table.namespaceId, table.subject] }),
    index('members_order_index').on(table.namespaceId, table.createdAt, table.subject),
    // The list of a caller's own namespaces.
    index('members_subject_index').on(table.subject, table.namespaceId),
  ],
);
