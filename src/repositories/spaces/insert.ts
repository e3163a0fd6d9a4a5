import { type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import type { Database } from '../../db/client.js';
import { spaces, timeOfId } from '../../db/schema/spaces.js';
import { fromOwnNamespace } from '../access/guard.js';
import { param } from '../access/statement.js';
import { jsonParam } from './columns.js';

/**
 * The common table expression `space`, which inserts spaces.
 *
 * @param columns the columns to return
 * @param source a query of the rows to insert
 */
export function insertSpaces<Columns extends Record<string, PgColumn>>(
  db: Database,
  columns: Columns,
  source: SQL,
  onConflict = sql``,
) {
  const returned = Object.values(columns).map((column) => sql`made.${sql.identifier(column.name)}`);
  return db.$with('space', columns).as(sql`
    insert into ${spaces} as made (namespace_id, id, name, slug, description, tags, metadata, updated_at)
    select own.id, source.*, ${timeOfId('source.id')}
    ${fromOwnNamespace(sql`, (${source}) as source`, sql`true`)} ${onConflict}
    returning ${sql.join(returned, sql`, `)}`);
}

/** A query of the space in the parameters, for `insertSpaces`. */
export function oneSpace(allowed: SQL): SQL {
  return sql`
    select ${param('id')}::uuid as id, ${param('name')}::text,
      ${param('slug')}::text, ${param('description')}::text, ${jsonParam('tags')}, ${jsonParam('metadata')}
    from access where ${allowed}`;
}
