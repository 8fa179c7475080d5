-- While a tenant's chunks are embedded anew it has vectors in two spaces; this says in which of them a query without a space is
-- answered, and which one was before. A tenant that was never reindexed has no row: its only space is the current one.
create table agents.current_spaces (
  tenant_id text collate "C" not null,
  space_id text collate "C" not null,
  previous_id text collate "C",
  since timestamptz not null default now(),
  primary key (tenant_id),
  check (previous_id <> space_id)
);
alter table agents.current_spaces enable row level security;
alter table agents.current_spaces force row level security;
create policy tenant on agents.current_spaces
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

-- Frees the table and the index of a space that no tenant uses. Policies bind the owner too, and would hide other tenants' rows from
-- the question whether it is empty, so the table is let off them for as long as nobody else can look at it. Safe to call for a
-- space that is in use: that is found out under the lock. A short lock_timeout, because dropping a partition locks its parent.
create function agents.drop_space(space text)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '500ms' as $$
declare
  part constant text := 'chunk_vectors_' || space;
  used boolean;
begin
  if space !~ '^[0-9a-f]{16}$' then
    raise exception '% is not the id of a space', space using errcode = 'invalid_parameter_value';
  end if;
  perform pg_advisory_xact_lock(hashtextextended('agents.space.' || space, 0));
  if not exists (select from pg_class where relnamespace = 'agents'::regnamespace and relname = part) then
    return 'absent';
  end if;
  execute format('alter table agents.%I no force row level security', part);
  execute format('select exists (select from agents.%I)', part) into used;
  if used then
    execute format('alter table agents.%I force row level security', part);
    return 'used';
  end if;
  execute format('drop table agents.%I', part);
  return 'dropped';
exception when lock_not_available then
  return 'busy';
end $$;
revoke all on function agents.drop_space(text) from public;
