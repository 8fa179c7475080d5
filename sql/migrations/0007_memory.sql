-- What agents remember. A key has one fact that was not deleted; when its time is over, the next put ends it. The words that a fact is found by stand in a
-- narrow table of their own, because only comparisons of plain columns reach an index under a policy.
create table agents.memory_facts (
  tenant_id text collate "C" not null,
  fact_id uuid not null,
  key text collate "C" not null,
  agent_id text collate "C",
  kind text collate "C" not null,
  value_json jsonb not null,
  source text collate "C",
  confidence double precision check (confidence between 0 and 1),
  expires_at timestamptz,
  deleted_at timestamptz,
  version bigint not null check (version > 0),
  created_at timestamptz not null,
  updated_at timestamptz not null,
  primary key (tenant_id, fact_id)
);
create unique index memory_facts_key on agents.memory_facts (tenant_id, key) where deleted_at is null;
create index memory_facts_newest on agents.memory_facts (tenant_id, updated_at, fact_id) where deleted_at is null;
create index memory_facts_kind on agents.memory_facts (tenant_id, kind, updated_at, fact_id) where deleted_at is null;
create index memory_facts_agent on agents.memory_facts (tenant_id, agent_id, updated_at, fact_id) where deleted_at is null and agent_id is not null;
create index memory_facts_source on agents.memory_facts (tenant_id, source, updated_at, fact_id) where deleted_at is null and source is not null;
create index memory_facts_deleted on agents.memory_facts (tenant_id, key, fact_id) where deleted_at is not null;
create index memory_facts_ended on agents.memory_facts (tenant_id, (coalesce(deleted_at, expires_at))) where deleted_at is not null or expires_at is not null;
alter table agents.memory_facts enable row level security;
alter table agents.memory_facts force row level security;
create policy tenant on agents.memory_facts
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

create table agents.memory_words (
  tenant_id text collate "C" not null,
  word text collate "C" not null,
  fact_id uuid not null,
  primary key (tenant_id, word, fact_id)
);
create index memory_words_fact on agents.memory_words (tenant_id, fact_id, word);
alter table agents.memory_words enable row level security;
alter table agents.memory_words force row level security;
create policy tenant on agents.memory_words
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

-- Every change of every key, written with the change itself. The columns of the fact are what a put left there; the other actions have none.
create table agents.memory_events (
  tenant_id text collate "C" not null,
  key text collate "C" not null,
  seq bigint not null check (seq > 0),
  at timestamptz not null,
  action text not null check (action in ('put', 'delete', 'expire')),
  actor text,
  fact_id uuid not null,
  agent_id text collate "C",
  kind text collate "C",
  value_json jsonb,
  source text collate "C",
  confidence double precision,
  expires_at timestamptz,
  version bigint,
  created_at timestamptz,
  primary key (tenant_id, key, seq),
  check ((action = 'put') = (kind is not null and value_json is not null and version is not null and created_at is not null))
);
alter table agents.memory_events enable row level security;
alter table agents.memory_events force row level security;
create policy tenant on agents.memory_events
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

-- The history of a memory is append-only for the application; that of a run goes with the run, of the current tenant.
create function agents.forget_run(run text)
returns bigint language sql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
  with gone as (
    delete from agents.memory_events
    where tenant_id = nullif(current_setting('app.tenant', true), '') and key >= 'run/' || run || '/' and key < 'run/' || run || '0'
    returning 1)
  select count(*) from gone
$$;
revoke all on function agents.forget_run(text) from public;
