-- Distributes a migrated database over the workers of a Citus cluster (docs/scaling.md). Run it as a
-- superuser on the coordinator, after `create extension citus` and `citus_add_node`:
--
--   psql "$COORDINATOR_URL" --set ON_ERROR_STOP=1 --single-transaction --file drizzle/citus.sql
--
-- Safe to run again: distributed tables stay as they are.

do $$
declare
  -- Each row belongs to one namespace. All rows of a namespace are in shards of the same number, on one worker.
  by_namespace constant text[] := array[
    'namespaces', 'members', 'spaces', 'space_counters', 'former_space_slugs', 'folders', 'folder_trees',
    'episodes', 'assets', 'content_counters', 'idempotency_keys'];
  -- What is looked up across namespaces stays on the coordinator, which every statement needs anyway. On a
  -- worker, or on all of them, it would not be there for namespaces of other workers while that one is down.
  on_coordinator constant text[] := array['namespace_slugs', 'subject_counters'];
  missing text[];
  constraints text[];
  statement text;
  name text;
begin
  select array_agg(wanted.name order by wanted.place) into missing
  from unnest(by_namespace) with ordinality as wanted (name, place)
  where not exists (
    select from pg_dist_partition where logicalrelid = wanted.name::regclass and partmethod = 'h');

  if missing is not null then
    -- Neither can hold across shards. The primary key of `namespace_slugs` decides whether a slug is free.
    alter table namespace_slugs drop constraint if exists namespace_slugs_held_by_namespaces_id_fk;
    if 'namespaces' = any(missing) then
      drop index namespaces_slug_unique;
      create index namespaces_slug_unique on namespaces (slug) where deleted_at is null;
    end if;

    -- A table that is not distributed cannot refer to one that is.
    select array_agg(format('alter table %s add constraint %I %s', conrelid::regclass, conname,
      pg_get_constraintdef(oid))) into constraints
    from pg_constraint where contype = 'f' and conrelid = any(missing::regclass[]);
    for statement in
      select format('alter table %s drop constraint %I', conrelid::regclass, conname)
      from pg_constraint where contype = 'f' and conrelid = any(missing::regclass[])
    loop
      execute statement;
    end loop;
    foreach name in array missing loop
      perform create_distributed_table(name, case name when 'namespaces' then 'id' else 'namespace_id' end,
        colocate_with => case name when 'namespaces' then 'none' else 'namespaces' end);
    end loop;
    foreach statement in array coalesce(constraints, '{}') loop
      execute statement;
    end loop;
  end if;

  foreach name in array on_coordinator loop
    if not exists (select from pg_dist_partition where logicalrelid = name::regclass) then
      perform citus_add_local_table_to_metadata(name);
    end if;
  end loop;
end
$$;
