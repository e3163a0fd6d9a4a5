import { sql } from 'drizzle-orm';
import { parseConnectionString } from '../config/connection-string.js';
import { connect, type Database, type DatabaseOptions } from './client.js';
import { DatabaseNotReadyError } from './errors.js';
import { formats, planningBeside, semantics } from './settings.js';

/** How often the second connection is tried: a busy pooler may give it another backend each time. */
const ATTEMPTS = 5;

/** A start may take longer than a request. A session with this value got it from this check. */
const STATEMENT_TIMEOUT_MS = 10_000;

/** The schema of the tables, which must be the first one of the search path. */
const SCHEMA = 'public';

const probing = { poolMax: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS };

/**
 * Checks the settings of the sessions behind a pooler, which may reject or ignore those that the service
 * requests.
 *
 * @param options those of the service's pool
 * @returns a warning with the fix where sessions work but are slow, otherwise null
 * @throws `DatabaseNotReadyError` where a setting changes the meaning of statements, or statements would fail
 */
export async function expectSession(
  options: Pick<DatabaseOptions, 'url' | 'statementTimeoutMs' | 'prepare'>,
): Promise<string | null> {
  const db = connect({ ...options, ...probing });
  try {
    if (options.prepare && (await isPooled(db))) await expectPreparedStatements(db, options);
    return await expectSettings(db, options);
  } finally {
    await db.$client.end({ timeout: 1 });
  }
}

/**
 * @returns whether there is a pooler in between, so that the next statement may run in another session. A
 *   pooler gives its clients its own process ids for cancel requests
 */
export async function isPooled({ $client: client }: Database): Promise<boolean> {
  const result = await client<{ pid: number }[]>`select pg_backend_pid() as pid`;
  return result[0]?.pid !== result.state.pid;
}

/** A pooler that supports prepared statements renames them, because its clients share sessions. */
async function expectPreparedStatements(
  { $client: client }: Database,
  options: Pick<DatabaseOptions, 'url' | 'prepare'>,
): Promise<void> {
  const { statement } = await client`select`;
  const other = connect({ ...options, ...probing });
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const found = await other.execute(
        sql`select from pg_prepared_statements where name = ${statement.name}`,
      );
      if (found.length === 0) continue;
      throw new DatabaseNotReadyError(
        'The pooler of DATABASE_URL does not support prepared statements. Use PgBouncer 1.21 or later with max_prepared_statements = 200, or set DATABASE_PREPARE=false.',
      );
    }
  } finally {
    await other.$client.end({ timeout: 1 });
  }
}

interface Setting extends Record<string, unknown> {
  name: string;
  value: string;
  role: string;
  first_schema: string | null;
}

async function expectSettings(
  db: Database,
  { url, statementTimeoutMs }: Pick<DatabaseOptions, 'url' | 'statementTimeoutMs'>,
): Promise<string | null> {
  const timeLimit = { statement_timeout: String(statementTimeoutMs) };
  const needed: Record<string, string> = { ...formats, ...semantics };
  const wanted: Record<string, string> = {
    ...timeLimit,
    ...planningBeside(parseConnectionString(url).options),
  };
  const names = [...Object.keys(needed), ...Object.keys(wanted)];
  const session = await db.execute<Setting>(sql`
    select name, setting as value, quote_ident(session_user) as role, current_schema() as first_schema
    from pg_settings where name = any(string_to_array(${names.join(',')}, ','))`);
  const role = session[0]?.role ?? '';
  const differing = session.filter(({ name, value, first_schema: schema }) => {
    // The default contains "$user" too, and administrators may have added schemas of extensions.
    if (name === 'search_path') return schema !== SCHEMA;
    if (name === 'statement_timeout' && value === String(STATEMENT_TIMEOUT_MS)) return false;
    return value !== (needed[name] ?? wanted[name]);
  });
  const remedy = (settings: Record<string, string>) =>
    differing
      .filter(({ name }) => name in settings)
      .map(({ name }) => `alter role ${role} set ${name} = '${settings[name] ?? ''}';`)
      .join(' ');
  const wrong = remedy(needed);
  if (wrong !== '') {
    throw new DatabaseNotReadyError(
      `The sessions of the pooler of DATABASE_URL have settings that change the meaning of statements. Run ${wrong} and make the pooler reconnect (RECONNECT in the console of PgBouncer).`,
    );
  }
  const missing = remedy(wanted);
  return missing === ''
    ? null
    : `The pooler of DATABASE_URL does not pass on settings: statements are slow, or are not cancelled in time. Run ${missing} and make the pooler reconnect (RECONNECT in the console of PgBouncer).`;
}
