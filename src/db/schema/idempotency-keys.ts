import { sql } from 'drizzle-orm';
import { index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import { jsonObject, timestampMs } from './columns.js';

/**
 * The responses to requests with an `Idempotency-Key`. A key belongs to the namespace that its request wrote
 * to, so that one statement can write both in a distributed database. Keys of requests that create a namespace
 * have the nil UUID, so there is no foreign key to `namespaces`.
 */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    namespaceId: uuid('namespace_id').notNull(),
    subject: text('subject').notNull(),
    operation: text('operation').notNull(),
    key: text('key').notNull(),
    fingerprint: text('fingerprint').notNull(),
    answer: jsonObject('answer').notNull(),
    expiresAt: timestampMs('expires_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.namespaceId, table.subject, table.operation, table.key] }),
    index('idempotency_keys_expiry_index').on(table.namespaceId, table.expiresAt),
    // A repeated restore finds its namespace by the key, because the slug may have changed.
    index('idempotency_keys_restore_index')
      .on(table.subject, table.operation, table.key)
      .where(sql`operation like 'restoreNamespace %'`),
  ],
);
