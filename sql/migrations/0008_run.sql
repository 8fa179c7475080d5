-- Runs of agents, which are the job queue too. due_at is when a worker has to look at a run: a queued one's time, or the end of a lease. Finished runs have none, so they stay
-- out of the two indexes that workers search. Their order is that of claims; due_at at their end lets what is leased be passed over without a look at its row. The second one keeps a worker of
-- one kind from walking over the others. No index but the key has run_id: while the planner knows nothing of a new tenant, an index that could look for an id among others would seem as good
-- to it as the key.
create table agents.run_state (
  tenant_id text collate "C" not null,
  run_id text collate "C" not null,
  kind text collate "C" not null,
  status text collate "C" not null check (status in ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
  state json not null,
  result json,
  error text,
  version bigint not null,
  attempt integer not null,
  max_attempts integer not null,
  priority integer not null,
  not_before timestamptz not null,
  parent text collate "C",
  worker text,
  token bigint not null,
  lease_until timestamptz,
  created_at timestamptz not null,
  updated_at timestamptz not null,
  finished_at timestamptz,
  due_at timestamptz generated always as (case status when 'queued' then not_before when 'running' then lease_until end) stored,
  primary key (tenant_id, run_id),
  check ((worker is null) = (lease_until is null) and (lease_until is null or status = 'running')),
  check ((finished_at is not null) = (status in ('succeeded', 'failed', 'cancelled')))
) with (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000); -- a queue's rows change a few times each, and soon
-- Workers of the tenant at large that take any kind would walk over what waits in its runs (names that begin with run/): that stays out of their index.
create index run_state_due on agents.run_state (tenant_id, priority desc, not_before, due_at)
  where due_at is not null and (kind < 'run/' or kind >= 'run0');
create index run_state_due_kind on agents.run_state (tenant_id, kind, priority desc, not_before, due_at) where due_at is not null;
create index run_state_newest on agents.run_state (tenant_id, created_at desc);
create index run_state_status on agents.run_state (tenant_id, status, kind, created_at desc);
create index run_state_parent on agents.run_state (tenant_id, parent, created_at desc) where parent is not null;
alter table agents.run_state enable row level security;
alter table agents.run_state force row level security;
create policy tenant on agents.run_state
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));
