-- The minimum privileges to run the service: the role reads and writes rows, and cannot create, alter or drop
-- anything. Run it in the database of the service, after the first migration, as the owner of the database and
-- its tables with CREATEROLE, or as a superuser. It runs completely or not at all, and may be repeated:
--
--   psql "$OWNER_URL" --file drizzle/roles.sql
--   psql "$OWNER_URL" --command '\password spaces_service'
--
-- Other users of the machine see a password in $OWNER_URL in the list of processes: put it in the file of
-- PGPASSFILE, or the whole connection in a service of PGSERVICEFILE.
--
-- Migrations need the owner: run `npm run db:migrate` (or `node dist/commands/migrate.js`) with its
-- DATABASE_URL before each new version. If no migration is missing, the service starts as spaces_service with
-- any MIGRATE_ON_START.

\set ON_ERROR_STOP on
begin;

do $$
begin
  if not exists (select from pg_roles where rolname = 'spaces_service') then
    create role spaces_service login nosuperuser nocreatedb nocreaterole;
  end if;
end
$$;

-- By default everybody may connect and create temporary tables, before PostgreSQL 15 also tables in "public".
do $$
begin
  execute format('revoke all on database %I from public', current_database());
  execute format('grant connect on database %I to spaces_service', current_database());
end
$$;
revoke create on schema public from public;

grant usage on schema public, drizzle to spaces_service;
grant select, insert, update, delete on all tables in schema public to spaces_service;
grant select on drizzle.__drizzle_migrations to spaces_service;

-- For the tables of future migrations. Default privileges belong to the role that creates a table, so they name
-- the owner of the tables, also if a superuser runs this.
do $$
begin
  execute format(
    'alter default privileges for role %s in schema public
      grant select, insert, update, delete on tables to spaces_service',
    (select relowner::regrole from pg_class where oid = 'public.namespaces'::regclass));
end
$$;

-- Settings that the service requests for its sessions, for poolers that do not pass them on: the statement
-- timeout (DATABASE_STATEMENT_TIMEOUT_MS), and `planning` of src/db/settings.ts.
alter role spaces_service set statement_timeout = '1000';
alter role spaces_service set plan_cache_mode = 'force_generic_plan';
alter role spaces_service set enable_seqscan = 'off';
alter role spaces_service set enable_sort = 'off';
alter role spaces_service set enable_incremental_sort = 'off';
alter role spaces_service set cpu_index_tuple_cost = '0.2';
alter role spaces_service set max_parallel_workers_per_gather = '0';
alter role spaces_service set jit = 'off';

commit;
