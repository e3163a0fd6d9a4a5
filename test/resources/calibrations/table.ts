import { isNull } from 'drizzle-orm';
import { index, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { jsonObject, versionAndTimestamps } from '../../../src/db/schema/columns.js';

/** A resource of a space that only the tests have: the calibration of a sensor. */
export const calibrations = pgTable(
  'calibrations',
  {
    namespaceId: uuid('namespace_id').notNull(),
    spaceId: uuid('space_id').notNull(),
    id: uuid('id').notNull(),
    name: text('name').notNull(),
    metadata: jsonObject('metadata'),
    ...versionAndTimestamps,
  },
  (table) => [
    primaryKey({ columns: [table.namespaceId, table.spaceId, table.id] }),
    uniqueIndex('calibrations_name_unique')
      .on(table.namespaceId, table.spaceId, table.name)
      .where(isNull(table.deletedAt)),
    index('calibrations_active_index').on(table.namespaceId, table.spaceId, table.id),
  ],
);

/** The migration that drizzle-kit would write. */
export const migration = [
  `alter type content_kind add value 'calibrations'`,
  `create table calibrations (
    namespace_id uuid not null, space_id uuid not null, id uuid not null, name text not null, metadata jsonb,
    version integer not null default 1, created_at timestamptz(3) not null default now(),
    updated_at timestamptz(3) not null default now(), deleted_at timestamptz(3),
    primary key (namespace_id, space_id, id))`,
  `create unique index calibrations_name_unique on calibrations (namespace_id, space_id, name)
    where deleted_at is null`,
  `create index calibrations_active_index on calibrations (namespace_id, space_id, id)`,
];
