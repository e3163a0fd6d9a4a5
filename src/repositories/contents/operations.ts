import type { Static, TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { type SQL, sql, type WithSubquery } from 'drizzle-orm';
import { includesRole, type Principal } from '../access/principal.js';
import { shared } from '../access/shared-reads.js';
import { executeOne, rollBackUnless, type Statement, type Values } from '../access/statement.js';
import type { RepositoryContext } from '../context.js';
import { executeIdempotent, idempotencyCtes, type IdempotencyKey } from '../idempotency.js';
import { untilDone } from '../retry.js';
import { readingSpace, type SpaceAccess, writingSpace } from './access.js';
import type { ContentItem, Written } from './item.js';
import { type AnswerRow, fieldsOf, rowOrNull, withoutMissingRows, type WriteRow } from './rows.js';
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
  /** false if the statement has written only a part, and must be rolled back and retried */
  isWhole?: SQL;
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

const stateFields = {
  ids: sql<string | null>`ids`,
  tag: sql<string>`tag`,
  item: sql<string>`item`,
  isDeleted: sql<boolean>`is_deleted`,
  isProtected: sql<boolean>`is_protected`,
};

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

  /** Executes a statement that only reads, in the caller's space. */
  function readInSpace<Row extends { access: SpaceAccess }>(
    statement: Statement<Row>,
    { principal, path }: ContentCaller,
    values: Values,
  ): Promise<InSpace<Row> | null> {
    return resolveSpace(principal, path, (scope) =>
      executeOne(statement, { ...values, ...scope }, { retryOnDisconnect: true }),
    );
  }

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
      const result = await readInSpace(statement, caller, values);
      return outcomeOf(result, result?.row ? rowOrNull(result.row.answer) : null);
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
      const result = await readInSpace(statement, caller, values);
      const value = result?.row?.answer ?? null;
      return value === null ? null : Value.Decode(schema, value);
    };
  }

  function plainStatement(name: string, effect: MakeEffect): Statement<WriteRow> {
    const {
      expressions,
      answer: query,
      isReady = always,
      isWhole = always,
    } = effect(writing.allowed);
    const answer = db.$with('answer', answerColumns).as(query);
    return withoutMissingRows(
      db
        .with(...writing.expressions, ...expressions, answer)
        .select({
          access: writing.access,
          isReady: sql<boolean | null>`${isReady} and ${rollBackUnless(isWhole)}`,
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
    const {
      expressions,
      answer: query,
      isReady = always,
      isWhole = always,
    } = effect(once.isClaimed);
    // A response without its item cannot be replayed.
    const isComplete = sql`${isWhole} and not exists (select from answer where item is null)`;
    const answer = db.$with('answer', answerColumns).as(query);
    return withoutMissingRows(
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
          isReady: sql<boolean | null>`${isReady} and ${rollBackUnless(isComplete)}`,
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
    return untilDone(async () => {
      const result = await resolveSpace<WriteRow>(principal, path, statement);
      const row = result?.row;
      const stored = row?.stored ?? null;
      const mayWrite = result !== null && includesRole(result.role, 'editor');
      if (mayWrite && !stored && row?.isReady === false) return undefined;
      const written = stored ?? row?.answer ?? null;
      return outcomeOf(result, written && { ...written, replayed: stored !== null });
    });
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
