import { type SQL, sql, type SQLWrapper } from 'drizzle-orm';

const TIME_FORMAT = sql.raw(`'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'`);

/** @returns a time as RFC 3339 text, in the format of JavaScript */
export const timeText = (column: SQLWrapper) =>
  sql`to_char(${column} at time zone 'UTC', ${TIME_FORMAT})`;

/** @returns an item, which is a JSON object, with `deletedAt` added, for lists with deleted items */
export const datedItem = (item: SQL): SQL => sql`left(${item}, -1) || ',"deletedAt":'
  || coalesce(to_json(${timeText(sql`deleted_at`)})::text, 'null') || '}'`;
