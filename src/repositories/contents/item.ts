import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { type SQL, sql, type SQLWrapper } from 'drizzle-orm';
import { param } from '../access/statement.js';
import { timeText } from '../lists/item-json.js';
import { isUnexpected, tagText } from '../version.js';

/** A folder, an episode or an asset, as a statement answers it. */
export interface ContentItem {
  /** its id; of a batch those of all, joined by spaces */
  ids: string;
  /** names this version of it: its entity tag */
  tag: string;
  /** the item as JSON text; of a batch the items, joined by commas */
  item: string;
}

/** The result of a write. */
export interface Written extends ContentItem {
  /** whether it was not there before */
  inserted: boolean;
  /** whether an earlier request with the same key wrote it */
  replayed: boolean;
}

/** A value as JSON text: strings quoted, absent ones `null`. */
export const jsonString = (value: SQLWrapper): SQL =>
  sql`coalesce(to_json(${value})::text, 'null')`;

/** A value whose text is JSON: numbers, booleans and `jsonb`. */
export const jsonValue = (value: SQLWrapper): SQL => sql`coalesce((${value})::text, 'null')`;

/** A time as a JSON string. */
const jsonTime = (value: SQLWrapper): SQL => sql`'"' || ${timeText(value)} || '"'`;

/** @returns an expression of a JSON object as text, null where one of its values is SQL NULL */
export function jsonObjectText(values: Record<string, SQL>): SQL {
  const members = Object.entries(values).map(([key, value], index) => {
    const opening = `${index === 0 ? '{' : ','}"${key}":`;
    return sql`${sql.raw(`'${opening}'`)} || ${value}`;
  });
  return sql`(${sql.join(members, sql` || `)} || '}')`;
}

/** The members that end every item. */
export const versionMembers = {
  createdAt: jsonTime(sql.raw('created_at')),
  updatedAt: jsonTime(sql.raw('updated_at')),
  version: jsonValue(sql.raw('version')),
};

/**
 * @param place the value that the item shows from another row, such as the path of its folder
 * @returns an expression of the version of an item; see `versionTag`
 */
export function tagOf(
  row: { id: SQLWrapper; version: SQLWrapper },
  place: SQLWrapper,
): SQL<string> {
  return sql<string>`(${tagText(row.id, row.version)} || '.' || coalesce(left(md5(${place}), 8), ''))`;
}

/** The condition that an item has a version that may be written, with the parameters of `versionParams`. */
export function hasTag(tag: SQLWrapper): SQL {
  const expected = sql`${param('expected')}::text`;
  return sql`((${expected} is null or ${tag} = any(string_to_array(${expected}, ' ')))
    and ${isUnexpected(tag)} is not true)`;
}

const WithMetadata = Type.Object({
  metadata: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
});

/** @returns the version and the metadata of an item, for `updateFields` */
export function itemState({ tag, item }: ContentItem) {
  return { tag, metadata: Value.Decode(WithMetadata, JSON.parse(item)).metadata };
}
