import { type SQL, type WithSubquery } from 'drizzle-orm';
import { type PgColumn, type PgTable } from 'drizzle-orm/pg-core';
import { type Role } from '../access/principal.js';
import { type spaceTotal } from '../spaces/counters.js';
import { type State } from './selection.js';

/** An order of a list, which an index has; ids make it total. */
interface Order {
  key: SQL;
  type: SQL;
  /** writes a key as the text of a cursor */
  text: (key: SQL) => SQL;
}

/** A table that is listed. */
export interface ListedTable<Sort extends string> {
  /** begins the names of its statements */
  name: string;
  table: PgTable & { id: PgColumn };
  /** null where nothing of it is kept once it is deleted */
  deletedAt: PgColumn | null;
  /** the condition that a row is in the container that is listed */
  inContainer: SQL | undefined;
  /** the common table expressions that hold the caller's access; the last is named `access` */
  access: WithSubquery[];
  /** null where the list is not inside a space, or there is none */
  spaceId: SQL<string | null>;
  /** the condition that the caller may read the container */
  mayRead: SQL;
  /** the common table expression with the total and the revision of the active rows */
  counted: ReturnType<typeof spaceTotal>;
  /** the condition that the inverted index `search` begins with */
  inSearch: SQL;
  /** the indexes by which rows of a filter are found, from that which leads to the fewest on */
  paths: readonly string[];
  orders: Record<Sort, Order>;
  /** an item as JSON text */
  item: Record<State, SQL>;
}

/** The row of a list's statement. */
export interface ListRow {
  access: { role: Role | null; spaceId: string | null };
  items: string | null;
  total: number;
  revision: string;
  more?: boolean | null;
  key?: string | null;
  id?: string | null;
}
