-- What the artifact store holds, to be asked by run, type, hash and metadata. The store itself is the truth: each change of it is
-- announced here first (state and intent), so that after a crash in between it is known where to look.
create table agents.artifacts (
  tenant_id text collate "C" not null,
  path text collate "C" not null,
  state text not null check (state in ('writing', 'stored', 'deleting')),
  intent text,
  intended_at timestamptz,
  version text,
  size bigint,
  sha256 bytea,
  content_type text,
  run_id text collate "C",
  metadata jsonb not null default '{}',
  modified_at timestamptz,
  primary key (tenant_id, path),
  check (state <> 'stored' or (version is not null and size is not null and content_type is not null and modified_at is not null))
);
create index artifacts_newest on agents.artifacts (tenant_id, modified_at desc, path) where state = 'stored';
create index artifacts_run on agents.artifacts (tenant_id, run_id, modified_at desc) where state = 'stored' and run_id is not null;
create index artifacts_sha256 on agents.artifacts (tenant_id, sha256) where state = 'stored';
alter table agents.artifacts enable row level security;
alter table agents.artifacts force row level security;
create policy tenant on agents.artifacts
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));
