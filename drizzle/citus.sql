-- Distributes a migrated database over the workers of a Citus cluster (docs/scaling.md). Run it as a superuser
-- on the coordinator, after `create extension citus` and `citus_add_node`, and again after migrations:
--
--   psql "$COORDINATOR_URL" --set ON_ERROR_STOP=1 --single-transaction --file drizzle/citus.sql
--
-- Tables whose rows belong to a namespace are distributed by its id: all rows of a namespace are in co-located
-- shards, on one worker. Tables that are queried across namespaces stay on the coordinator, which every
-- statement needs anyway. On a single worker they would be unavailable to all namespaces while that worker is
-- down; replicated to all workers, they could not be written while any worker is down. Tables that are already
-- distributed stay unchanged.

do $$
declare
  missing regclass[];
  local_tables regclass[];
  constraints text[];
  statement text;
  relation regclass;
begin
  select
    array_agg(oid::regclass order by relname <> 'namespaces', relname) filter (where is_within),
    array_agg(oid::regclass order by relname) filter (where not is_within)
  into missing, local_tables
  from (
    select c.oid, relname, relname = 'namespaces' or exists (
      select from pg_attribute where attrelid = c.oid and attname = 'namespace_id') as is_within
    from pg_class c
    where relnamespace = 'public'::regnamespace and relkind = 'r' and not relispartition
      -- Citus adds some local tables to its metadata automatically.
      and not exists (select from pg_dist_partition where logicalrelid = c.oid and partmethod = 'h')
      and not exists (select from pg_dist_shard s where c.relname = shard_name(s.logicalrelid, s.shardid))
  ) as tables;

  if missing is not null then
    if 'namespaces'::regclass = any(missing) then
      -- Neither can be enforced across shards. The primary key of `namespace_slugs` ensures that slugs are
      -- unique.
      alter table namespace_slugs drop constraint namespace_slugs_held_by_namespaces_id_fk;
      drop index namespaces_slug_unique;
      create index namespaces_slug_unique on namespaces (slug) where deleted_at is null;
    end if;

    -- Foreign keys are dropped first, because a local table cannot reference a distributed one.
    select array_agg(format('alter table %s add constraint %I %s', conrelid::regclass, conname,
      pg_get_constraintdef(oid))) into constraints
    from pg_constraint where contype = 'f' and conrelid = any(missing);
    for statement in
      select format('alter table %s drop constraint %I', conrelid::regclass, conname)
      from pg_constraint where contype = 'f' and conrelid = any(missing)
    loop
      execute statement;
    end loop;
    foreach relation in array missing loop
      if relation = 'namespaces'::regclass then
        perform create_distributed_table(relation, 'id', colocate_with => 'none');
      else
        perform create_distributed_table(relation, 'namespace_id', colocate_with => 'namespaces');
      end if;
    end loop;
    foreach statement in array coalesce(constraints, '{}') loop
      execute statement;
    end loop;
  end if;

  foreach relation in array coalesce(local_tables, '{}') loop
    if not exists (select from pg_dist_partition where logicalrelid = relation) then
      perform citus_add_local_table_to_metadata(relation);
    end if;
  end loop;
end
$$;
