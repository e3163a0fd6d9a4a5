import { sql } from 'drizzle-orm';
import { parseConnectionString } from '../config/connection-string.js';
import { connect, type Database, type DatabaseOptions } from './client.js';
import { DatabaseNotReadyError } from './errors.js';
import { formats, planningBeside, semantics } from './settings.js';

/** How often another connection is asked: of a busy pooler it may get another backend each time. */
const ATTEMPTS = 5;

/** A start has more time than a request; sessions with this limit have it from the service itself. */
const STATEMENT_TIMEOUT_MS = 10_000;

/** The schema of the tables, which has to be the first of the search path. */
const SCHEMA = 'public';

const probing = { poolMax: 1, statementTimeoutMs: STATEMENT_TIMEOUT_MS };

/**
 * Checks the sessions that a pooler gives to the service, which has its settings refused or ignored there.
 *
 * @param options of the service
 * @returns what to do for sessions that are right but slow, or null
 * @throws `DatabaseNotReadyError` where statements would mean something else, or would fail
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
 * @returns whether a pooler is in between, so that the next statement may have another session: it gives
 *   its clients process ids of its own, to cancel statements by
 */
export async function isPooled({ $client: client }: Database): Promise<boolean> {
  const result = await client<{ pid: number }[]>`select pg_backend_pid() as pid`;
  return result[0]?.pid !== result.state.pid;
}

/** A pooler that keeps prepared statements gives them names of its own, because its clients share sessions. */
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
        'The pooler of DATABASE_URL does not keep prepared statements. Use PgBouncer 1.21 or later with max_prepared_statements = 200, or set DATABASE_PREPARE=false.',
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
    // The default also has the schema of the role, and administrators may have added those of extensions.
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
      `The pooler of DATABASE_URL gives sessions in which statements mean something else. Run ${wrong} and have the pooler reconnect (RECONNECT in the console of PgBouncer).`,
    );
  }
  const missing = remedy(wanted);
  return missing === ''
    ? null
    : `The pooler of DATABASE_URL passes no settings on: statements are slow, or not ended in time. Run ${missing} and have the pooler reconnect (RECONNECT in the console of PgBouncer).`;
}
