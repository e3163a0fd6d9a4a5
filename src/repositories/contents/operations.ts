import type { Static, TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { type SQL, sql, type WithSubquery } from 'drizzle-orm';
import { includesRole, type Principal } from '../access/principal.js';
import { shared } from '../access/shared-reads.js';
import { executeOne, type Statement, type Values } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import { executeIdempotent, idempotencyCtes, type IdempotencyKey } from '../idempotency.js';
import { readingSpace, type SpaceAccess, writingSpace } from './access.js';
import type { ContentItem, Written } from './item.js';
import type { InSpace, SpacePath, SpaceScope } from './space-resolver.js';

/** The caller and the space of a request. */
export interface ContentCaller {
  principal: Principal;
  path: SpacePath;
}

/** The result of an operation inside a space: null if the namespace does not exist for the caller. */
export type ContentResult<Value> =
  | (Omit<InSpace<unknown>, 'row'> & {
      /** whether the space exists */
      isSpace: boolean;
      value: Value | null;
    })
  | null;

/** The part of a statement that writes. */
export interface Effect {
  expressions: WithSubquery[];
  /** a query of at most one row, `(ids, tag, item, inserted)` */
  answer: SQL;
  /** false if the statement did nothing and must be retried */
  isReady?: SQL;
}

/** Creates the expressions that write. @param allowed the condition that the caller may write */
type MakeEffect = (allowed: SQL) => Effect;

const answerColumns = {
  ids: sql<string>`ids`.as('ids'),
  tag: sql<string>`tag`.as('tag'),
  item: sql<string | null>`item`.as('item'),
  inserted: sql<boolean>`inserted`.as('inserted'),
};
const answerRecord = sql`ids text, tag text, item text, inserted boolean`;

/** The columns of `answer` or `stored`, qualified because both have the same ones. */
function fieldsOf(expression: 'answer' | 'stored') {
  const field = <Value>(name: string) =>
    sql<Value>`${sql.identifier(expression)}.${sql.identifier(name)}`;
  return {
    ids: field<string | null>('ids'),
    tag: field<string>('tag'),
    item: field<string | null>('item'),
    inserted: field<boolean>('inserted'),
  };
}

const stateFields = {
  ids: sql<string | null>`ids`,
  tag: sql<string>`tag`,
  item: sql<string>`item`,
  isDeleted: sql<boolean>`is_deleted`,
  isProtected: sql<boolean>`is_protected`,
};

/** The row of a write; `item` is null if the statement's snapshot lacks a row that the item shows. */
export type AnswerRow = Omit<Written, 'replayed' | 'item'> & { item: string | null };

interface WriteRow {
  access: SpaceAccess;
  isReady: boolean | null;
  claim: { free: boolean | null } | null;
  stored: (AnswerRow & { fingerprint: string }) | null;
  answer: AnswerRow | null;
}

/** An item, also a deleted or write-protected one. */
export interface ItemState extends ContentItem {
  isDeleted: boolean;
  isProtected: boolean;
}

/**
 * Creates the functions that prepare statements of a space's contents and execute them in the caller's space.
 */
export function contentOperations({
  db,
  resolveSpace,
}: Pick<RepositoryContext, 'db' | 'resolveSpace'>) {
  const reading = readingSpace(db);
  const writing = writingSpace(db);
  const always = sql`true`;

  /**
   * Prepares a statement that finds one item.
   *
   * @param found a query of at most one row, `(ids, tag, item, is_deleted, is_protected)`
   */
  function prepareRead(name: string, found: SQL) {
    const answer = db.$with('answer', { ids: answerColumns.ids }).as(found);
    const statement = shared(
      db
        .with(...reading.expressions, answer)
        .select({ access: reading.access, answer: stateFields })
        .from(sql`access`)
        .leftJoin(answer, always)
        .prepare(name),
    );
    return async (caller: ContentCaller, values: Values): Promise<ContentResult<ItemState>> => {
      const result = await resolveSpace(caller.principal, caller.path, (scope) =>
        executeOne(statement, { ...values, ...scope }, { retryOnDisconnect: true }),
      );
      return outcomeOf(result, result?.row ? presentRow(result.row.answer) : null);
    };
  }

  /**
   * Prepares a query in the caller's space whose answer is not one item.
   *
   * @param found a query of at most one row with the column `answer` of type `jsonb`
   * @param schema the schema of the answer
   * @returns a function that returns the answer; null without a row, and where the caller may not read the space
   */
  function prepareQuery<Schema extends TSchema>(name: string, found: SQL, schema: Schema) {
    const answer = db.$with('answer', { answer: sql<unknown>`answer`.as('answer') }).as(found);
    const statement = shared(
      db
        .with(...reading.expressions, answer)
        .select({ access: reading.access, answer: sql<unknown>`answer.answer` })
        .from(sql`access`)
        .leftJoin(answer, always)
        .prepare(name),
    );
    return async (caller: ContentCaller, values: Values): Promise<Static<Schema> | null> => {
      const result = await resolveSpace(caller.principal, caller.path, (scope) =>
        executeOne(statement, { ...values, ...scope }, { retryOnDisconnect: true }),
      );
      const value = result?.row?.answer ?? null;
      return value === null ? null : Value.Decode(schema, value);
    };
  }

  function plainStatement(name: string, effect: MakeEffect): Statement<WriteRow> {
    const { expressions, answer: query, isReady = always } = effect(writing.allowed);
    const answer = db.$with('answer', answerColumns).as(query);
    return present(
      db
        .with(...writing.expressions, ...expressions, answer)
        .select({
          access: writing.access,
          isReady: sql<boolean | null>`${isReady}`,
          answer: fieldsOf('answer'),
        })
        .from(sql`access`)
        .leftJoin(answer, always)
        .prepare(name),
    );
  }

  /** As `plainStatement`, for a request with an idempotency key. */
  function keyedStatement(name: string, effect: MakeEffect): Statement<WriteRow> {
    const once = idempotencyCtes(db, writing.allowed, answerColumns, answerRecord);
    const { expressions, answer: query, isReady = always } = effect(once.isClaimed);
    const answer = db.$with('answer', answerColumns).as(query);
    return present(
      db
        .with(
          ...writing.expressions,
          ...once.expressions,
          ...expressions,
          answer,
          once.keep(sql`select to_jsonb(answer) from answer`),
        )
        .select({
          access: writing.access,
          isReady: sql<boolean | null>`${isReady}`,
          claim: { free: sql<boolean | null>`claim.free` },
          stored: { ...fieldsOf('stored'), fingerprint: sql<string>`stored.fingerprint` },
          answer: fieldsOf('answer'),
        })
        .from(sql`access`)
        .leftJoin(once.claim, always)
        .leftJoin(once.stored, always)
        .leftJoin(answer, always)
        .prepare(`${name}_once`),
    );
  }

  /**
   * Executes a write in the caller's space, and retries it while concurrent statements change the tree of
   * folders.
   */
  async function write(
    { principal, path }: ContentCaller,
    statement: (scope: SpaceScope) => Promise<WriteRow | undefined>,
  ): Promise<ContentResult<AnswerRow & { replayed: boolean }>> {
    for (;;) {
      const result = await resolveSpace<WriteRow>(principal, path, statement);
      const row = result?.row;
      const stored = row?.stored ?? null;
      const mayWrite = result !== null && includesRole(result.role, 'editor');
      if (mayWrite && !stored && row?.isReady === false) continue;
      const written = stored ?? row?.answer ?? null;
      return outcomeOf(result, written && { ...written, replayed: stored !== null });
    }
  }

  /** Prepares a statement that writes. */
  function prepareWrite(name: string, effect: MakeEffect) {
    const statement = plainStatement(name, effect);
    return (caller: ContentCaller, values: Values) =>
      write(caller, (scope) => executeOne(statement, { ...values, ...scope }));
  }

  /**
   * As `prepareWrite`, for an operation that accepts an idempotency key.
   *
   * @returns a function that throws the failures of `executeIdempotent`; with a key the effect occurs once,
   *   however often the function is called
   */
  function prepareKeyedWrite(name: string, effect: MakeEffect) {
    const plain = plainStatement(name, effect);
    const keyed = keyedStatement(name, effect);
    return (caller: ContentCaller, values: Values, operation: string, key: IdempotencyKey | null) =>
      write(caller, (scope) => {
        const all = { ...values, ...scope };
        if (!key) return executeOne(plain, all);
        return executeIdempotent(keyed, {
          ...all,
          ...key,
          operation: `${operation} ${scope.spaceId}`,
        });
      });
  }

  return { reading, prepareRead, prepareQuery, prepareWrite, prepareKeyedWrite };
}

type Fields = Omit<AnswerRow, 'ids'> & { ids: string | null };

/** A row of the statement: all fields of a missing row are null. */
interface SelectedRow {
  access: SpaceAccess;
  isReady: boolean | null;
  claim?: { free: boolean | null };
  stored?: Fields & { fingerprint: string };
  answer: Fields;
}

/** Wraps a statement: `answer` and `stored` become null if their row is missing. */
function present(statement: Statement<SelectedRow>): Statement<WriteRow> {
  return {
    getQuery: () => statement.getQuery(),
    async execute(values) {
      const rows = await statement.execute(values);
      return rows.map(({ stored, answer, claim, ...row }) => ({
        ...row,
        claim: claim ?? null,
        stored: stored ? presentRow(stored) : null,
        answer: presentRow(answer),
      }));
    },
  };
}

function presentRow<Row extends { ids: string | null }>(row: Row): (Row & { ids: string }) | null {
  return row.ids === null ? null : { ...row, ids: row.ids };
}

export type ContentOperations = ReturnType<typeof contentOperations>;

/** @returns the result of a write whose item is always complete */
export function withItem(
  outcome: ContentResult<AnswerRow & { replayed: boolean }>,
): ContentResult<Written> {
  if (!outcome?.value) return outcome && { ...outcome, value: null };
  const { item } = outcome.value;
  if (item === null) throw new Error('PostgreSQL wrote an item and did not return it');
  return { ...outcome, value: { ...outcome.value, item } };
}

/** @returns the result of a statement in the caller's space */
export function outcomeOf<Value>(
  result: InSpace<unknown> | null,
  value: Value | null,
): ContentResult<Value> {
  if (!result) return null;
  const { role, row, namespaceId, spaceId, currentSlug } = result;
  return { role, namespaceId, spaceId, currentSlug, isSpace: row !== null, value };
}
