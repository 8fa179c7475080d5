-- Every table starts its keys with tenant_id and forces row-level security, so a statement that forgets the tenant
-- touches nothing. The tenant of a transaction is the setting app.tenant; once it was used in a session it reads ''
-- instead of null, hence the nullif.
create schema agents;

create table agents.agents (
  tenant_id text collate "C" not null,
  agent_id text collate "C" not null,
  name text,
  created_at timestamptz not null default now(),
  primary key (tenant_id, agent_id)
);
alter table agents.agents enable row level security;
alter table agents.agents force row level security;
create policy tenant on agents.agents
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));
