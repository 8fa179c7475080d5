-- A certificate for each tenant that was deleted, which outlives the tenant. Beside the migrations and not among the tenants' tables: the application's
-- account has no way to it. Append-only, and each names the one before by its hash: of two that come at once, the keys let one in.
create table agents_admin.deletions (
  seq bigint primary key check (seq > 0),
  tenant_id text collate "C" not null,
  sha256 text not null unique check (sha256 ~ '^[0-9a-f]{64}$'),
  previous text unique references agents_admin.deletions (sha256),
  certificate text not null,
  check ((seq = 1) = (previous is null))
);

create function agents_admin.deletions_fixed() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'certificates of deletions are append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger deletions_fixed before update or delete or truncate on agents_admin.deletions
  for each statement execute function agents_admin.deletions_fixed();

-- The second look after a deletion: every table that has a tenant_id, whoever made it, and not the list by which the roles delete. The audit is kept.
create function agents_admin.tenant_rows(tenant text) returns table (name text, held bigint) language plpgsql stable
set search_path = pg_catalog, pg_temp as $$
declare
  one regclass;
begin
  for one in
    select c.oid from pg_class c
    where c.relnamespace in (to_regnamespace('agents'), to_regnamespace('events')) and c.relkind in ('r', 'p') and not c.relispartition
      and c.oid <> 'agents.audit'::regclass
      and exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id' and not a.attisdropped)
    order by c.relname collate "C"
  loop
    name := one::text;
    execute format('select count(*) from %s where tenant_id = $1', one) into held using tenant;
    return next;
  end loop;
end $$;
revoke all on all functions in schema agents_admin from public;
