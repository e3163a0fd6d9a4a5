-- The least a role needs to run the service: it reads and writes rows, and makes, changes and drops
-- nothing. Run it once as the owner of the database, in that database, after the first migration:
--
--   psql "$OWNER_URL" --file drizzle/roles.sql
--   psql "$OWNER_URL" --command '\password spaces_service'
--
-- Migrations need the owner: run `npm run db:migrate` (or `node dist/commands/migrate.js`) with its
-- DATABASE_URL before each new version. The service starts as spaces_service whatever
-- MIGRATE_ON_START says, as long as there is nothing to migrate.

create role spaces_service login nosuperuser nocreatedb nocreaterole;

-- Databases let everybody connect and make temporary tables, and old ones tables in "public" too.
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

-- The tables of migrations to come, which this same owner applies.
alter default privileges in schema public
  grant select, insert, update, delete on tables to spaces_service;

-- What the service asks for itself, for its sessions behind a pooler, which passes no settings on: the time limit of
-- statements (DATABASE_STATEMENT_TIMEOUT_MS), and `planning` of src/db/settings.ts.
alter role spaces_service set statement_timeout = '1000';
alter role spaces_service set plan_cache_mode = 'force_generic_plan';
alter role spaces_service set enable_seqscan = 'off';
alter role spaces_service set enable_sort = 'off';
alter role spaces_service set enable_incremental_sort = 'off';
alter role spaces_service set cpu_index_tuple_cost = '0.2';
alter role spaces_service set max_parallel_workers_per_gather = '0';
alter role spaces_service set jit = 'off';
