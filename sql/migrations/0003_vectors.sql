-- One row per tenant that uses a space. The id is derived from the four facts, so it is the same in every database.
create table agents.spaces (
  tenant_id text collate "C" not null check (tenant_id ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  space_id text collate "C" not null check (space_id ~ '^[0-9a-f]{16}$'),
  embed_provider text not null,
  embed_model text not null,
  embed_dim integer not null check (embed_dim between 1 and 2000),
  embed_norm boolean not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, space_id)
);
alter table agents.spaces enable row level security;
alter table agents.spaces force row level security;
create policy tenant on agents.spaces
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

-- A partition per space: an approximate index needs one dimension, and dropping a space is dropping a table. The copy
-- of metadata lets a filter be decided while the index is walked, without a join per candidate.
create table agents.chunk_vectors (
  tenant_id text collate "C" not null,
  space_id text collate "C" not null,
  chunk_id text collate "C" not null,
  embedding public.vector not null,
  metadata jsonb not null,
  primary key (tenant_id, chunk_id, space_id)
) partition by list (space_id);
alter table agents.chunk_vectors enable row level security;
alter table agents.chunk_vectors force row level security;
create policy tenant on agents.chunk_vectors
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

-- The application may not create tables; this makes a space usable on its behalf. Safe to repeat, from many sessions.
create function agents.ensure_space(provider text, model text, dimensions integer, normalised boolean)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  tenant constant text := nullif(current_setting('app.tenant', true), '');
  id constant text := left(encode(sha256(convert_to(
    concat_ws(E'\n', provider, model, dimensions::text, case when normalised then 'true' else 'false' end),
    'UTF8')), 'hex'), 16);
  part constant text := 'chunk_vectors_' || id;
  acl record;
begin
  if tenant is null then
    raise exception 'app.tenant is not set' using errcode = 'insufficient_privilege';
  end if;
  if to_regclass('agents.' || part) is null then
    perform pg_advisory_xact_lock(hashtextextended('agents.space.' || id, 0));
    -- Read as rows: names looked up before the wait are remembered as missing.
    if not exists (select from pg_class where relnamespace = 'agents'::regnamespace and relname = part) then
      -- Attached, not created as a partition: that would lock out every reader of the parent.
      execute format('create table agents.%I (like agents.chunk_vectors including all, check (space_id = %L), check (public.vector_dims(embedding) = %s))',
        part, id, dimensions);
      execute format('alter table agents.%I enable row level security, force row level security', part);
      execute format('create policy tenant on agents.%I using (tenant_id = nullif(current_setting(''app.tenant'', true), '''')) with check (tenant_id = nullif(current_setting(''app.tenant'', true), ''''))', part);
      execute format('alter table agents.chunk_vectors attach partition agents.%I for values in (%L)', part, id);
      for acl in
        select g.privilege_type as privilege, g.grantee::regrole::text as grantee
        from pg_class c, aclexplode(c.relacl) g
        where c.oid = 'agents.chunk_vectors'::regclass and g.grantee not in (0, c.relowner)
      loop
        execute format('grant %s on agents.%I to %s', acl.privilege, part, acl.grantee);
      end loop;
    end if;
  end if;
  insert into agents.spaces (tenant_id, space_id, embed_provider, embed_model, embed_dim, embed_norm)
  values (tenant, id, provider, model, dimensions, normalised)
  on conflict do nothing;
  return id;
end $$;
revoke all on function agents.ensure_space(text, text, integer, boolean) from public;

-- Builds the approximate index of a space once it is worth one; a load is many times faster without it. Size stands
-- in for the count of rows, because the policy hides other tenants' rows from this function too.
create function agents.build_space(space text, at_least integer)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  part text;
  dimensions integer;
begin
  select s.embed_dim into dimensions from agents.spaces s where s.space_id = space;
  if dimensions is null then
    raise exception 'space % is not one of this tenant', space using errcode = 'undefined_object';
  end if;
  part := 'chunk_vectors_' || space;
  if to_regclass('agents.' || part || '_hnsw') is not null then
    return 'present';
  end if;
  if pg_table_size(('agents.' || part)::regclass) / (dimensions * 4 + 200) < at_least then
    return 'small';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('agents.space.' || space, 0));
  begin
    execute format('create index if not exists %I on agents.%I using hnsw ((embedding::public.vector(%s)) public.vector_cosine_ops)',
      part || '_hnsw', part, dimensions);
  exception when disk_full or insufficient_resources or out_of_memory then
    -- Parallel workers share memory that a small container may not have.
    set local max_parallel_maintenance_workers = 0;
    execute format('create index if not exists %I on agents.%I using hnsw ((embedding::public.vector(%s)) public.vector_cosine_ops)',
      part || '_hnsw', part, dimensions);
  end;
  execute format('analyze agents.%I', part);
  analyze agents.chunks;
  analyze agents.chunk_tags;
  return 'built';
end $$;
revoke all on function agents.build_space(text, integer) from public;
