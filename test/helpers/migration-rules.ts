import { OUTSIDE } from '../../src/db/apply-migrations.js';

/** The comment in front of a statement that is accepted against a rule, with the reason. */
const ACCEPTED = /^\s*-- accepted: \S/m;

/** The forbidden statements on a table with rows, each with advice. */
const rules: [pattern: RegExp, advice: string][] = [
  [
    /^create (unique )?index (?!concurrently)/,
    `blocks writes while it reads the table: CREATE INDEX CONCURRENTLY IF NOT EXISTS, in a migration of its own that begins with "${OUTSIDE}"`,
  ],
  [
    /^(drop index (?!concurrently)|reindex (?!.*concurrently))/,
    `waits for every request of the table, and they for it: … CONCURRENTLY, in a migration that begins with "${OUTSIDE}"`,
  ],
  [
    /^drop (table|type|schema|view|sequence|function|extension)|^alter table .* drop (column|constraint|default|(?!not null|expression))/,
    'takes away what the version before may use: stop using it in this version, drop it in the next one',
  ],
  [
    /^alter (table|type) .* rename |^alter table .* set schema /,
    'takes the name away that the version before uses: add the new one, write both, drop the old one in the next version',
  ],
  [
    /^alter table .* alter (column )?\S+ (set data )?type /,
    'rewrites the whole table: add a column of the new type, write both, fill it in batches',
  ],
  [
    /^alter table .* alter (column )?\S+ set not null/,
    'reads the whole table under a lock: ADD CONSTRAINT … CHECK (… IS NOT NULL) NOT VALID, then VALIDATE CONSTRAINT in a migration of its own',
  ],
  [
    /^alter table .* add column (?!.* default ).* not null/,
    'fails the inserts of the version before: give it a DEFAULT, or allow null',
  ],
  [
    /^alter table .* add column .*(generated always as|default .*(random|uuid|clock_timestamp|nextval|serial)|\bserial\b)/,
    'rewrites the whole table: add the column with a constant default or none, and SET DEFAULT afterwards',
  ],
  [
    /^alter table .* add column .*(primary key|unique|references|check ?\()/,
    'reads the whole table under a lock: add the column, then the constraint NOT VALID, then VALIDATE CONSTRAINT in a migration of its own',
  ],
  [
    /^alter table .* add (constraint \S+ )?(check|foreign key)(?!.* not valid)/,
    'reads the whole table under a lock: NOT VALID, then VALIDATE CONSTRAINT in a migration of its own',
  ],
  [
    /^alter table .* add (constraint \S+ )?(unique|primary key|exclude)(?!.* using index)/,
    'builds an index under a lock: CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT … USING INDEX',
  ],
  [
    /^(update|delete from|insert into|truncate|lock|cluster|vacuum) ?/,
    'keeps its locks until the migration ends: change rows in batches, by the service or a command',
  ],
];

/** The statements that can be interrupted and run again; the name is in quotes, for the repair. */
const repeatable =
  /^(create (unique )?index concurrently if not exists "|drop index concurrently if exists "|alter index ")/;

/** @returns the statement on one line, without comments, in lower case */
function normalize(statement: string): string {
  return statement
    .replace(/--.*$/gm, '')
    .replace(/\s+/g, ' ')
    .replace(/"public"\./g, '')
    .trim()
    .toLowerCase();
}

/** @returns the table that a statement changes, or whose index it makes */
function tableOf(statement: string): string | undefined {
  return /^(?:alter table (?:if exists )?(?:only )?|create (?:unique )?index .*? on |insert into |update |delete from )"?(\w+)/.exec(
    statement,
  )?.[1];
}

/**
 * Checks that the previous version runs on while a migration is applied, and with the new schema.
 *
 * @param text the migration
 * @returns a sentence for each fault
 */
export function faultsOf(text: string): string[] {
  const parts = text.split('--> statement-breakpoint');
  const isOutside = text.startsWith(OUTSIDE);
  const statements = parts.map(normalize);
  const created = new Set(
    statements.flatMap((each) => /^create table (?:if not exists )?"?(\w+)/.exec(each)?.[1] ?? []),
  );
  const isOnCreated = (statement: string) => created.has(tableOf(statement) ?? '');
  const faults: string[] = [];
  for (const [index, statement] of statements.entries()) {
    if (ACCEPTED.test(parts[index] ?? '')) continue;
    const fault = (advice: string) => faults.push(`${statement.slice(0, 80)} ${advice}`);
    if (isOutside && !repeatable.test(statement))
      fault('cannot be interrupted and run again outside a transaction');
    if (!isOutside && / concurrently /.test(statement))
      fault(`needs a migration that begins with "${OUTSIDE}"`);
    if (/ validate constraint /.test(statement) && statements.length > 1) {
      fault(
        'keeps the locks of the other statements while it reads the table: a migration of its own',
      );
    }
    if (!isOnCreated(statement)) {
      for (const [pattern, advice] of rules) if (pattern.test(statement)) fault(advice);
      continue;
    }
    // A foreign key also locks the table that it refers to.
    const referred = / references "?(\w+)/.exec(statement)?.[1];
    if (
      referred !== undefined &&
      !created.has(referred) &&
      !statements.slice(index).every((each) => isOnCreated(each) && each.includes(' references '))
    ) {
      fault(`blocks writes to ${referred} until the migration ends: put it last`);
    }
  }
  return faults;
}
