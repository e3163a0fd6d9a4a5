import { fileURLToPath } from 'node:url';
import { sql } from 'drizzle-orm';
import { type MigrationMeta, readMigrationFiles } from 'drizzle-orm/migrator';
import { applyMigrations, withMigrationLock } from './apply-migrations.js';
import { connect, type Database } from './client.js';
import { DatabaseNotReadyError, sqlState } from './errors.js';

// Resolved through package.json, because the bundle is in another directory than this file.
const migrationsFolder = fileURLToPath(
  new URL('..', import.meta.resolve('#drizzle/meta/_journal.json')),
);

const UNDEFINED_TABLE = '42P01';

/**
 * Applies the missing migrations. Any number of processes may call it concurrently: a lock serializes them.
 * Without missing migrations it writes nothing, so that a role without the privilege to create tables can start
 * the service.
 *
 * @param url of the database, directly or through a pooler
 * @throws `DatabaseNotReadyError`, or the error of PostgreSQL when a migration fails; earlier migrations stay
 *   applied, and the next call resumes after them
 */
export async function migrate(url: string): Promise<void> {
  const searchPath = await prepareMigration(url);
  if (searchPath === null) return;
  // Without a statement timeout: building an index may take long.
  const options = { ...migrating, url, ...(searchPath !== SCHEMA && { searchPath }) };
  const db = connect(options);
  const lock = connect(options);
  try {
    await withMigrationLock(lock, () => applyMigrations(db, migrations()));
  } finally {
    await Promise.all([db.$client.end(), lock.$client.end()]);
  }
}

/** How to apply migrations, in the image and in a checkout. */
export const MIGRATE = 'Run node dist/commands/migrate.js (in a checkout npm run db:migrate)';

const migrating = { poolMax: 1, statementTimeoutMs: 0, prepare: false, isAdministrative: true };

/** The schema of the tables, independent of the role's search path. */
const SCHEMA = 'public';

/**
 * Checks that the database has every migration, for a start that applies none.
 *
 * @throws `DatabaseNotReadyError`, or the error of the connection
 */
export async function expectMigrated(url: string): Promise<void> {
  const db = connect({ ...migrating, url });
  try {
    if (!(await isMigrated(db))) {
      throw new DatabaseNotReadyError(
        `The database lacks the newest migrations. ${MIGRATE}, or set MIGRATE_ON_START=true.`,
      );
    }
    await expectUsable(db);
  } finally {
    await db.$client.end();
  }
}

/** @throws `DatabaseNotReadyError` where the tables are in another schema */
async function expectUsable(db: Database): Promise<void> {
  const [session] = await db.execute<{ elsewhere: string | null }>(sql`
    select case when to_regclass(${`${SCHEMA}.namespaces`}) is null then
        (select relnamespace::regnamespace::text from pg_class
          where relname = 'namespaces' and relkind in ('r', 'p') limit 1) end as elsewhere`);
  if (session?.elsewhere) {
    throw new DatabaseNotReadyError(
      `The tables are in the schema ${session.elsewhere}. Move them: alter table … set schema ${SCHEMA}.`,
    );
  }
}

/**
 * Checks whether migrations are missing and can be applied.
 *
 * @returns the search path for the migrations; null when none is missing
 * @throws `DatabaseNotReadyError` when they cannot be applied
 */
async function prepareMigration(url: string): Promise<string | null> {
  const db = connect({ ...migrating, url });
  try {
    if (await isMigrated(db)) {
      await expectUsable(db);
      return null;
    }
    const [role] = await db.execute<{ name: string; schema: string | null; creates: boolean }>(sql`
      select current_user as name, current_schema() as schema,
        has_schema_privilege(${SCHEMA}, 'create') as creates`);
    if (!role?.creates) {
      throw new DatabaseNotReadyError(
        `The role ${role?.name ?? ''} may not create tables in the schema ${SCHEMA}: grant create on schema ${SCHEMA} to it, or migrate as the owner.`,
      );
    }
    const extensions = await db.execute<Extension>(sql`
      select wanted.name, extnamespace::regnamespace::text as schema, superuser, trusted,
        has_database_privilege(current_database(), 'create') as creates,
        (select rolsuper from pg_roles where rolname = current_user) as is_superuser
      from unnest(string_to_array(${EXTENSIONS.join(',')}, ',')) as wanted (name)
      left join pg_extension on extname = wanted.name
      left join pg_available_extensions as available on available.name = wanted.name
      left join pg_available_extension_versions as versions
        on versions.name = wanted.name and version = default_version`);
    for (const extension of extensions) expectExtension(extension, role.name);
    const others = extensions.flatMap(({ schema }) => schema ?? []);
    const path = [...new Set([SCHEMA, ...others.filter((each) => each !== 'pg_catalog')])].join(
      ', ',
    );
    return path === SCHEMA && role.schema !== SCHEMA ? `${SCHEMA}, pg_catalog` : path;
  } finally {
    await db.$client.end();
  }
}

/** The extensions that the indexes for filters need. */
const EXTENSIONS = ['btree_gin', 'pg_trgm'];

interface Extension extends Record<string, unknown> {
  name: string;
  /** the schema it is installed in; null where it is not installed */
  schema: string | null;
  /** whether only a superuser may install it, unless it is trusted; null where the server does not have it */
  superuser: boolean | null;
  trusted: boolean | null;
  creates: boolean;
  is_superuser: boolean;
}

function expectExtension(extension: Extension, role: string): void {
  const { name, schema, superuser, trusted, creates, is_superuser: isSuperuser } = extension;
  if (schema !== null) return;
  if (superuser === null) {
    throw new DatabaseNotReadyError(
      `The server does not have the extension ${name}. Install the contrib modules of PostgreSQL.`,
    );
  }
  if (!isSuperuser && !(creates && (trusted === true || !superuser))) {
    throw new DatabaseNotReadyError(
      `The role ${role} may not create the extension ${name}. Have an administrator run: create extension ${name}.`,
    );
  }
}

/** The migrations of this build, oldest first; the files are read once. */
const migrations = (): MigrationMeta[] => (read ??= readMigrationFiles({ migrationsFolder }));
let read: MigrationMeta[] | undefined;

/**
 * @returns whether the newest migration of this build has been applied
 * @throws when the query fails
 */
export async function isMigrated(db: Database): Promise<boolean> {
  const newest = migrations().at(-1)?.folderMillis ?? 0;
  try {
    const [applied] = await db.execute<{ newest: string | null }>(
      sql`select max(created_at) as newest from drizzle.__drizzle_migrations`,
    );
    return Number(applied?.newest ?? 0) >= newest;
  } catch (error) {
    if (sqlState(error) === UNDEFINED_TABLE) return false;
    throw error;
  }
}
