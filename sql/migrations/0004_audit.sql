-- Append-only, and each row's hash covers the one before: a change or a gap anywhere shows from there on.
create table agents.audit (
  tenant_id text collate "C" not null,
  seq bigint not null,
  at timestamptz not null,
  actor text not null,
  action text not null,
  subject text,
  detail jsonb not null default '{}',
  previous bytea,
  hash bytea not null,
  primary key (tenant_id, seq)
);
alter table agents.audit enable row level security;
alter table agents.audit force row level security;
create policy tenant on agents.audit
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

create function agents.audit_hash(e agents.audit) returns bytea language sql stable
set search_path = pg_catalog, pg_temp as $$
  select sha256(coalesce(e.previous, '') || convert_to(jsonb_build_array(
    e.tenant_id, e.seq, (extract(epoch from e.at) * 1000000)::bigint, e.actor, e.action, e.subject, e.detail)::text, 'UTF8'))
$$;

create function agents.audit_link() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('agents.audit.' || new.tenant_id, 0));
  select a.seq, a.hash into new.seq, new.previous
  from agents.audit a where a.tenant_id = new.tenant_id order by a.seq desc limit 1;
  new.seq := coalesce(new.seq, 0) + 1;
  new.at := clock_timestamp();
  new.actor := session_user;
  new.hash := agents.audit_hash(new);
  return new;
end $$;
create trigger audit_link before insert on agents.audit for each row execute function agents.audit_link();

create function agents.audit_fixed() returns trigger language plpgsql
set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'the audit is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_fixed before update or delete or truncate on agents.audit
  for each statement execute function agents.audit_fixed();

-- The first row whose hash or link is wrong, or null when the chain holds.
create function agents.audit_broken(tenant text) returns bigint language sql stable
set search_path = pg_catalog, pg_temp as $$
  select min(a.seq) from (
    select e.seq, e.hash, e.previous, agents.audit_hash(e) as expected,
      lag(e.hash) over (order by e.seq) as before, row_number() over (order by e.seq) as n
    from agents.audit e where e.tenant_id = tenant
  ) a
  where a.hash <> a.expected or a.previous is distinct from a.before or a.seq <> a.n
$$;
revoke all on all functions in schema agents from public;
