import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { type SQL, sql, type SQLWrapper } from 'drizzle-orm';
import { param } from '../access/statement.js';
import { timeText } from '../lists/item-json.js';
import { isUnexpected, tagText } from '../version.js';

/** A folder, an episode or an asset, as returned by a statement. */
export interface ContentItem {
  /** its id; for a batch all ids, joined by spaces */
  ids: string;
  /** identifies the version: the text of the entity tag */
  tag: string;
  /** the item as JSON text; for a batch all items, joined by commas */
  item: string;
}

/** The result of a write. */
export interface Written extends ContentItem {
  /** whether the write created or restored it */
  inserted: boolean;
  /** whether an earlier request with the same key wrote it */
  replayed: boolean;
}

/** A string as JSON text, SQL NULL as `null`. */
export const jsonString = (value: SQLWrapper): SQL =>
  sql`coalesce(to_json(${value})::text, 'null')`;

/** A number, boolean or `jsonb` as JSON text, SQL NULL as `null`. */
export const jsonValue = (value: SQLWrapper): SQL => sql`coalesce((${value})::text, 'null')`;

/** A time as a JSON string. */
const jsonTime = (value: SQLWrapper): SQL => sql`'"' || ${timeText(value)} || '"'`;

/** @returns an expression of a JSON object as text; null if one of the values is SQL NULL */
export function jsonObjectText(values: Record<string, SQL>): SQL {
  const members = Object.entries(values).map(([key, value], index) => {
    const opening = `${index === 0 ? '{' : ','}"${key}":`;
    return sql`${sql.raw(`'${opening}'`)} || ${value}`;
  });
  return sql`(${sql.join(members, sql` || `)} || '}')`;
}

/** The last members of every item. */
export const versionMembers = {
  createdAt: jsonTime(sql.raw('created_at')),
  updatedAt: jsonTime(sql.raw('updated_at')),
  version: jsonValue(sql.raw('version')),
};

/**
 * @param place the part of the representation that comes from other rows, such as the path of the folder
 * @returns an expression of the entity tag of an item; see `versionTag`
 */
export function tagOf(
  row: { id: SQLWrapper; version: SQLWrapper },
  place: SQLWrapper,
): SQL<string> {
  return sql<string>`(${tagText(row.id, row.version)} || '.' || coalesce(md5(${place}), ''))`;
}

/** The condition that an item has a version that the write accepts, with the parameters of `versionParams`. */
export function hasTag(tag: SQLWrapper): SQL {
  const expected = sql`${param('expected')}::text`;
  return sql`((${expected} is null or ${tag} = any(string_to_array(${expected}, ' ')))
    and ${isUnexpected(tag)} is not true)`;
}

const WithMetadata = Type.Object({
  metadata: Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()]),
});

/** @returns the entity tag and the metadata of an item, for `updateFields` */
export function itemState({ tag, item }: ContentItem) {
  return { tag, metadata: Value.Decode(WithMetadata, JSON.parse(item)).metadata };
}
