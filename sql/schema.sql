-- Generated from a migrated database (npm test -- --update schema); migrations are the source.


create table agents.agents (
  tenant_id text collate "C" not null,
  agent_id text collate "C" not null,
  name text,
  created_at timestamp with time zone not null default now()
);
alter table agents.agents enable row level security;
alter table agents.agents force row level security;

create table agents.artifacts (
  tenant_id text collate "C" not null,
  path text collate "C" not null,
  state text not null,
  intent text,
  intended_at timestamp with time zone,
  version text,
  size bigint,
  sha256 bytea,
  content_type text,
  run_id text collate "C",
  metadata jsonb not null default '{}'::jsonb,
  modified_at timestamp with time zone
);
alter table agents.artifacts enable row level security;
alter table agents.artifacts force row level security;

create table agents.audit (
  tenant_id text collate "C" not null,
  seq bigint not null,
  at timestamp with time zone not null,
  actor text not null,
  action text not null,
  subject text,
  detail jsonb not null default '{}'::jsonb,
  previous bytea,
  hash bytea not null
);
alter table agents.audit enable row level security;
alter table agents.audit force row level security;

create table agents.chunk_tags (
  tenant_id text collate "C" not null,
  tag text collate "C" not null,
  chunk_id text collate "C" not null
);
alter table agents.chunk_tags enable row level security;
alter table agents.chunk_tags force row level security;

create table agents.chunk_vectors /* partitioned */ (
  tenant_id text collate "C" not null,
  space_id text collate "C" not null,
  chunk_id text collate "C" not null,
  embedding public.vector not null,
  metadata jsonb not null
);
alter table agents.chunk_vectors enable row level security;
alter table agents.chunk_vectors force row level security;

create table agents.chunks (
  tenant_id text collate "C" not null,
  chunk_id text collate "C" not null,
  document_id text collate "C" not null,
  "position" integer not null,
  content_hash bytea not null,
  text text not null,
  metadata jsonb not null
);
alter table agents.chunks enable row level security;
alter table agents.chunks force row level security;

create table agents.current_spaces (
  tenant_id text collate "C" not null,
  space_id text collate "C" not null,
  previous_id text collate "C",
  since timestamp with time zone not null default now()
);
alter table agents.current_spaces enable row level security;
alter table agents.current_spaces force row level security;

create table agents.documents (
  tenant_id text collate "C" not null,
  document_id text collate "C" not null,
  uri text,
  created_at timestamp with time zone not null default now()
);
alter table agents.documents enable row level security;
alter table agents.documents force row level security;

create table agents.memory_events (
  tenant_id text collate "C" not null,
  key text collate "C" not null,
  seq bigint not null,
  at timestamp with time zone not null,
  action text not null,
  actor text,
  fact_id uuid not null,
  agent_id text collate "C",
  kind text collate "C",
  value_json jsonb,
  source text collate "C",
  confidence double precision,
  expires_at timestamp with time zone,
  version bigint,
  created_at timestamp with time zone
);
alter table agents.memory_events enable row level security;
alter table agents.memory_events force row level security;

create table agents.memory_facts (
  tenant_id text collate "C" not null,
  fact_id uuid not null,
  key text collate "C" not null,
  agent_id text collate "C",
  kind text collate "C" not null,
  value_json jsonb not null,
  source text collate "C",
  confidence double precision,
  expires_at timestamp with time zone,
  deleted_at timestamp with time zone,
  version bigint not null,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null
);
alter table agents.memory_facts enable row level security;
alter table agents.memory_facts force row level security;

create table agents.memory_words (
  tenant_id text collate "C" not null,
  word text collate "C" not null,
  fact_id uuid not null
);
alter table agents.memory_words enable row level security;
alter table agents.memory_words force row level security;

create table agents.run_state (
  tenant_id text collate "C" not null,
  run_id text collate "C" not null,
  kind text collate "C" not null,
  status text collate "C" not null,
  state json not null,
  result json,
  error text,
  version bigint not null,
  attempt integer not null,
  max_attempts integer not null,
  priority integer not null,
  not_before timestamp with time zone not null,
  parent text collate "C",
  worker text,
  token bigint not null,
  lease_until timestamp with time zone,
  created_at timestamp with time zone not null,
  updated_at timestamp with time zone not null,
  finished_at timestamp with time zone,
  due_at timestamp with time zone generated always as (
CASE status
    WHEN 'queued'::text THEN not_before
    WHEN 'running'::text THEN lease_until
    ELSE NULL::timestamp with time zone
END) stored
);
alter table agents.run_state enable row level security;
alter table agents.run_state force row level security;

create table agents.search_documents (
  tenant_id text collate "C" not null,
  entry_id text collate "C" not null,
  document_id text collate "C",
  title text,
  text text not null,
  language text not null,
  metadata jsonb not null
);
alter table agents.search_documents enable row level security;
alter table agents.search_documents force row level security;

create table agents.search_lexemes (
  tenant_id text collate "C" not null,
  entry_id text collate "C" not null,
  lexemes tsvector not null,
  metadata jsonb not null
);
alter table agents.search_lexemes enable row level security;
alter table agents.search_lexemes force row level security;

create table agents.search_words (
  tenant_id text collate "C" not null,
  head text collate "C" not null,
  tail text collate "C" not null,
  length smallint not null,
  word text collate "C" not null
);
alter table agents.search_words enable row level security;
alter table agents.search_words force row level security;

create table agents.spaces (
  tenant_id text collate "C" not null,
  space_id text collate "C" not null,
  embed_provider text not null,
  embed_model text not null,
  embed_dim integer not null,
  embed_norm boolean not null,
  created_at timestamp with time zone not null default now()
);
alter table agents.spaces enable row level security;
alter table agents.spaces force row level security;

create table agents_admin.deletions (
  seq bigint not null,
  tenant_id text collate "C" not null,
  sha256 text not null,
  previous text,
  certificate text not null
);

create table agents_admin.migrations (
  name text not null,
  checksum text not null,
  applied_at timestamp with time zone not null default now()
);

create table agents_admin.prepared (
  what text not null,
  fingerprint text not null
);

create table events.consumers (
  tenant_id text collate "C" not null,
  stream text collate "C" not null,
  group_name text collate "C" not null,
  handed bigint not null,
  missed bigint not null default 0
);
alter table events.consumers enable row level security;
alter table events.consumers force row level security;

create table events.deliveries (
  tenant_id text collate "C" not null,
  stream text collate "C" not null,
  group_name text collate "C" not null,
  version bigint not null,
  consumer text collate "C" not null,
  until timestamp with time zone not null,
  count integer not null,
  missed bigint not null
);
alter table events.deliveries enable row level security;
alter table events.deliveries force row level security;

create table events.events /* partitioned */ (
  tenant_id text collate "C" not null,
  stream text collate "C" not null,
  version bigint not null,
  at timestamp with time zone not null,
  type text not null,
  data json not null,
  event_id text collate "C"
);
alter table events.events enable row level security;
alter table events.events force row level security;

create table events.streams (
  tenant_id text collate "C" not null,
  stream text collate "C" not null,
  head bigint not null,
  last_at timestamp with time zone not null
);
alter table events.streams enable row level security;
alter table events.streams force row level security;

alter table agents.agents add constraint agents_pkey PRIMARY KEY (tenant_id, agent_id);
alter table agents.artifacts add constraint artifacts_check CHECK (((state <> 'stored'::text) OR ((version IS NOT NULL) AND (size IS NOT NULL) AND (content_type IS NOT NULL) AND (modified_at IS NOT NULL))));
alter table agents.artifacts add constraint artifacts_pkey PRIMARY KEY (tenant_id, path);
alter table agents.artifacts add constraint artifacts_state_check CHECK ((state = ANY (ARRAY['writing'::text, 'stored'::text, 'deleting'::text])));
alter table agents.audit add constraint audit_pkey PRIMARY KEY (tenant_id, seq);
alter table agents.chunk_tags add constraint chunk_tags_pkey PRIMARY KEY (tenant_id, tag, chunk_id);
alter table agents.chunk_vectors add constraint chunk_vectors_pkey PRIMARY KEY (tenant_id, chunk_id, space_id);
alter table agents.chunks add constraint chunks_pkey PRIMARY KEY (tenant_id, chunk_id);
alter table agents.current_spaces add constraint current_spaces_check CHECK ((previous_id <> space_id));
alter table agents.current_spaces add constraint current_spaces_pkey PRIMARY KEY (tenant_id);
alter table agents.documents add constraint documents_pkey PRIMARY KEY (tenant_id, document_id);
alter table agents.memory_events add constraint memory_events_action_check CHECK ((action = ANY (ARRAY['put'::text, 'delete'::text, 'expire'::text])));
alter table agents.memory_events add constraint memory_events_check CHECK (((action = 'put'::text) = ((kind IS NOT NULL) AND (value_json IS NOT NULL) AND (version IS NOT NULL) AND (created_at IS NOT NULL))));
alter table agents.memory_events add constraint memory_events_pkey PRIMARY KEY (tenant_id, key, seq);
alter table agents.memory_events add constraint memory_events_seq_check CHECK ((seq > 0));
alter table agents.memory_facts add constraint memory_facts_confidence_check CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double precision)));
alter table agents.memory_facts add constraint memory_facts_pkey PRIMARY KEY (tenant_id, fact_id);
alter table agents.memory_facts add constraint memory_facts_version_check CHECK ((version > 0));
alter table agents.memory_words add constraint memory_words_pkey PRIMARY KEY (tenant_id, word, fact_id);
alter table agents.run_state add constraint run_state_check CHECK ((((worker IS NULL) = (lease_until IS NULL)) AND ((lease_until IS NULL) OR (status = 'running'::text))));
alter table agents.run_state add constraint run_state_check1 CHECK (((finished_at IS NOT NULL) = (status = ANY (ARRAY['succeeded'::text, 'failed'::text, 'cancelled'::text]))));
alter table agents.run_state add constraint run_state_pkey PRIMARY KEY (tenant_id, run_id);
alter table agents.run_state add constraint run_state_status_check CHECK ((status = ANY (ARRAY['queued'::text, 'running'::text, 'succeeded'::text, 'failed'::text, 'cancelled'::text])));
alter table agents.search_documents add constraint search_documents_pkey PRIMARY KEY (tenant_id, entry_id);
alter table agents.search_lexemes add constraint search_lexemes_pkey PRIMARY KEY (tenant_id, entry_id);
alter table agents.search_words add constraint search_words_pkey PRIMARY KEY (tenant_id, head, length, word);
alter table agents.spaces add constraint spaces_embed_dim_check CHECK (((embed_dim >= 1) AND (embed_dim <= 2000)));
alter table agents.spaces add constraint spaces_pkey PRIMARY KEY (tenant_id, space_id);
alter table agents.spaces add constraint spaces_space_id_check CHECK ((space_id ~ '^[0-9a-f]{16}$'::text));
alter table agents.spaces add constraint spaces_tenant_id_check CHECK ((tenant_id ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text));
alter table agents_admin.deletions add constraint deletions_check CHECK (((seq = 1) = (previous IS NULL)));
alter table agents_admin.deletions add constraint deletions_pkey PRIMARY KEY (seq);
alter table agents_admin.deletions add constraint deletions_previous_fkey FOREIGN KEY (previous) REFERENCES agents_admin.deletions(sha256);
alter table agents_admin.deletions add constraint deletions_previous_key UNIQUE (previous);
alter table agents_admin.deletions add constraint deletions_seq_check CHECK ((seq > 0));
alter table agents_admin.deletions add constraint deletions_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text));
alter table agents_admin.deletions add constraint deletions_sha256_key UNIQUE (sha256);
alter table agents_admin.migrations add constraint migrations_pkey PRIMARY KEY (name);
alter table agents_admin.prepared add constraint prepared_pkey PRIMARY KEY (what);
alter table events.consumers add constraint consumers_pkey PRIMARY KEY (tenant_id, stream, group_name);
alter table events.deliveries add constraint deliveries_pkey PRIMARY KEY (tenant_id, stream, group_name, version);
alter table events.events add constraint events_pkey PRIMARY KEY (tenant_id, stream, version, at);
alter table events.streams add constraint streams_pkey PRIMARY KEY (tenant_id, stream);

CREATE INDEX artifacts_newest ON agents.artifacts USING btree (tenant_id, modified_at DESC, path) WHERE (state = 'stored'::text);
CREATE INDEX artifacts_run ON agents.artifacts USING btree (tenant_id, run_id, modified_at DESC) WHERE ((state = 'stored'::text) AND (run_id IS NOT NULL));
CREATE INDEX artifacts_sha256 ON agents.artifacts USING btree (tenant_id, sha256) WHERE (state = 'stored'::text);
CREATE INDEX chunk_tags_chunk ON agents.chunk_tags USING btree (tenant_id, chunk_id);
CREATE INDEX chunks_document ON agents.chunks USING btree (tenant_id, document_id);
CREATE INDEX deliveries_due ON events.deliveries USING btree (tenant_id, stream, group_name, until);
CREATE INDEX events_id ON ONLY events.events USING btree (tenant_id, stream, event_id) WHERE (event_id IS NOT NULL);
CREATE INDEX memory_facts_agent ON agents.memory_facts USING btree (tenant_id, agent_id, updated_at, fact_id) WHERE ((deleted_at IS NULL) AND (agent_id IS NOT NULL));
CREATE INDEX memory_facts_deleted ON agents.memory_facts USING btree (tenant_id, key, fact_id) WHERE (deleted_at IS NOT NULL);
CREATE INDEX memory_facts_ended ON agents.memory_facts USING btree (tenant_id, COALESCE(deleted_at, expires_at)) WHERE ((deleted_at IS NOT NULL) OR (expires_at IS NOT NULL));
CREATE INDEX memory_facts_kind ON agents.memory_facts USING btree (tenant_id, kind, updated_at, fact_id) WHERE (deleted_at IS NULL);
CREATE INDEX memory_facts_newest ON agents.memory_facts USING btree (tenant_id, updated_at, fact_id) WHERE (deleted_at IS NULL);
CREATE INDEX memory_facts_source ON agents.memory_facts USING btree (tenant_id, source, updated_at, fact_id) WHERE ((deleted_at IS NULL) AND (source IS NOT NULL));
CREATE INDEX memory_words_fact ON agents.memory_words USING btree (tenant_id, fact_id, word);
CREATE INDEX run_state_due ON agents.run_state USING btree (tenant_id, priority DESC, not_before, due_at) WHERE ((due_at IS NOT NULL) AND ((kind < 'run/'::text) OR (kind >= 'run0'::text)));
CREATE INDEX run_state_due_kind ON agents.run_state USING btree (tenant_id, kind, priority DESC, not_before, due_at) WHERE (due_at IS NOT NULL);
CREATE INDEX run_state_newest ON agents.run_state USING btree (tenant_id, created_at DESC);
CREATE INDEX run_state_parent ON agents.run_state USING btree (tenant_id, parent, created_at DESC) WHERE (parent IS NOT NULL);
CREATE INDEX run_state_status ON agents.run_state USING btree (tenant_id, status, kind, created_at DESC);
CREATE INDEX search_documents_document ON agents.search_documents USING btree (tenant_id, document_id) WHERE (document_id IS NOT NULL);
CREATE INDEX search_lexemes_words ON agents.search_lexemes USING gin (lexemes) WITH (gin_pending_list_limit='512');
CREATE INDEX search_words_tail ON agents.search_words USING btree (tenant_id, tail, length, word);
CREATE UNIQUE INDEX memory_facts_key ON agents.memory_facts USING btree (tenant_id, key) WHERE (deleted_at IS NULL);

create policy tenant on agents.agents using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.artifacts using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.audit using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.chunk_tags using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.chunk_vectors using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.chunks using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.current_spaces using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.documents using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.memory_events using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.memory_facts using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.memory_words using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.run_state using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.search_documents using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.search_lexemes using ((((tenant_id || ''::text) = NULLIF(current_setting('app.tenant'::text, true), ''::text)) AND (lexemes @@ ( SELECT (NULLIF(current_setting('app.search'::text, true), ''::text))::tsquery AS "nullif")))) with check ();
create policy tenant_delete on agents.search_lexemes using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ();
create policy tenant_insert on agents.search_lexemes using () with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant_update on agents.search_lexemes using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.search_words using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on agents.spaces using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on events.consumers using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on events.deliveries using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on events.events using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));
create policy tenant on events.streams using ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text))) with check ((tenant_id = NULLIF(current_setting('app.tenant'::text, true), ''::text)));


CREATE OR REPLACE FUNCTION agents.audit_broken(tenant text)
 RETURNS bigint
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select min(a.seq) from (
    select e.seq, e.hash, e.previous, agents.audit_hash(e) as expected,
      lag(e.hash) over (order by e.seq) as before, row_number() over (order by e.seq) as n
    from agents.audit e where e.tenant_id = tenant
  ) a
  where a.hash <> a.expected or a.previous is distinct from a.before or a.seq <> a.n
$function$
;

CREATE OR REPLACE FUNCTION agents.audit_fixed()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  raise exception 'the audit is append-only' using errcode = 'insufficient_privilege';
end $function$
;

CREATE OR REPLACE FUNCTION agents.audit_hash(e agents.audit)
 RETURNS bytea
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select sha256(coalesce(e.previous, '') || convert_to(jsonb_build_array(
    e.tenant_id, e.seq, (extract(epoch from e.at) * 1000000)::bigint, e.actor, e.action, e.subject, e.detail)::text, 'UTF8'))
$function$
;

CREATE OR REPLACE FUNCTION agents.audit_link()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform pg_advisory_xact_lock(hashtextextended('agents.audit.' || new.tenant_id, 0));
  select a.seq, a.hash into new.seq, new.previous
  from agents.audit a where a.tenant_id = new.tenant_id order by a.seq desc limit 1;
  new.seq := coalesce(new.seq, 0) + 1;
  new.at := clock_timestamp();
  new.actor := session_user;
  new.hash := agents.audit_hash(new);
  return new;
end $function$
;

CREATE OR REPLACE FUNCTION agents.begin_load(space text, incoming bigint)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '2s'
AS $function$
declare
  part text;
  dimensions integer;
  held bigint;
begin
  select s.embed_dim into dimensions from agents.spaces s where s.space_id = space;
  if dimensions is null then
    raise exception 'space % is not one of this tenant', space using errcode = 'undefined_object';
  end if;
  part := 'chunk_vectors_' || space;
  if to_regclass('agents.' || part || '_hnsw') is null then
    return 'absent';
  end if;
  held := nullif(pg_stat_get_live_tuples(('agents.' || part)::regclass), 0);
  if held is null then -- the statistics are lost in a crash
    held := pg_table_size(('agents.' || part)::regclass) / (dimensions * 4 + 200);
  end if;
  -- Building costs about 0.4 of what live insertion does, for all rows and not just the new ones.
  if incoming < 0.7 * held then
    return 'kept';
  end if;
  execute format('drop index agents.%I', part || '_hnsw');
  return 'dropped';
exception when lock_not_available then
  return 'busy';
end $function$
;

CREATE OR REPLACE FUNCTION agents.build_space(space text, at_least integer)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
end $function$
;

CREATE OR REPLACE FUNCTION agents.drop_space(space text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '500ms'
AS $function$
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
end $function$
;

CREATE OR REPLACE FUNCTION agents.ensure_space(provider text, model text, dimensions integer, normalised boolean)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
end $function$
;

CREATE OR REPLACE FUNCTION agents.forget_run(run text)
 RETURNS bigint
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
  with gone as (
    delete from agents.memory_events
    where tenant_id = nullif(current_setting('app.tenant', true), '') and key >= 'run/' || run || '/' and key < 'run/' || run || '0'
    returning 1)
  select count(*) from gone
$function$
;

CREATE OR REPLACE FUNCTION agents.search_lexemes_of(marks text[], language text, title text, content text)
 RETURNS tsvector
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  config constant regconfig := ('pg_catalog.' || language)::regconfig;
  start constant tsvector := array_to_tsvector(marks)
    || setweight(to_tsvector(config, translate(coalesce(title, ''), E'<>/\\.:@=', '        ')), 'A');
  rest text := translate(content, E'<>/\\.:@=', '        ');
begin
  if octet_length(rest) < 200000 then -- catching an error costs what no short text needs
    return start || to_tsvector(config, rest);
  end if;
  loop
    begin
      return start || to_tsvector(config, rest);
    exception when program_limit_exceeded then
      rest := left(rest, char_length(rest) / 2);
    end;
  end loop;
end $function$
;

CREATE OR REPLACE FUNCTION agents_admin."freeze"(roles text[])
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  one record;
  changed integer := 0;
begin
  for one in
    select r.role, r.kept, r.role = any (roles) as wanted, g.oid is not null as frozen
    from agents_admin.role_tables() r
    left join pg_trigger g on g.tgrelid = r.kept and g.tgname = 'frozen'
    order by r.kept::text
  loop
    if one.wanted and not one.frozen then
      execute format('create trigger frozen before insert or update or delete or truncate on %s for each statement execute function agents_admin.refuse_frozen(%L)',
        one.kept, one.role);
      changed := changed + 1;
    elsif one.frozen and not one.wanted then
      execute format('drop trigger frozen on %s', one.kept);
      changed := changed + 1;
    end if;
  end loop;
  return changed;
end $function$
;

CREATE OR REPLACE FUNCTION agents_admin.deletions_fixed()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  raise exception 'certificates of deletions are append-only' using errcode = 'insufficient_privilege';
end $function$
;

CREATE OR REPLACE FUNCTION agents_admin.refuse_frozen()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  raise exception 'the role % is frozen: it has moved, or is moving, to another product', tg_argv[0]
    using errcode = 'read_only_sql_transaction';
end $function$
;

CREATE OR REPLACE FUNCTION agents_admin.role_tables()
 RETURNS TABLE(role text, kept regclass)
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select t.role, p.kept
  from (values
    ('vector', 'agents.documents'), ('vector', 'agents.chunks'), ('vector', 'agents.chunk_tags'), ('vector', 'agents.chunk_vectors'),
    ('vector', 'agents.spaces'), ('vector', 'agents.current_spaces'),
    ('memory', 'agents.memory_facts'), ('memory', 'agents.memory_events'), ('memory', 'agents.memory_words'),
    ('run', 'agents.run_state'),
    ('event', 'events.streams'), ('event', 'events.events'), ('event', 'events.consumers'), ('event', 'events.deliveries'),
    ('search', 'agents.search_documents'), ('search', 'agents.search_lexemes'), ('search', 'agents.search_words')
  ) t (role, named)
  cross join lateral (
    select t.named::regclass as kept union all select inhrelid::regclass from pg_inherits where inhparent = t.named::regclass) p
$function$
;

CREATE OR REPLACE FUNCTION agents_admin.tenant_rows(tenant text)
 RETURNS TABLE(name text, held bigint)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
end $function$
;

CREATE OR REPLACE FUNCTION events.append(named text, expected bigint, types text[], datas text[], ids text[], OUT outcome text, OUT reached bigint)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
declare
  tenant constant text := nullif(current_setting('app.tenant', true), '');
  given constant integer := cardinality(array_remove(ids, null));
  moment timestamptz;
  had bigint;
  newest bigint;
begin
  select s.head, s.last_at into reached, moment from events.streams s
  where s.tenant_id = tenant and s.stream = named for no key update;
  if not found then
    if expected > 0 then
      outcome := 'conflict';
      reached := 0;
      return;
    end if;
    insert into events.streams (tenant_id, stream, head, last_at) values (tenant, named, 0, '-infinity') on conflict do nothing;
    select s.head, s.last_at into reached, moment from events.streams s
    where s.tenant_id = tenant and s.stream = named for no key update;
  end if;
  if given > 0 then
    select count(*), max(e.version) into had, newest from events.events e
    where e.tenant_id = tenant and e.stream = named and e.event_id = any (ids);
    if had > 0 then
      outcome := case when had = given then 'repeated' else 'partly' end;
      reached := case when had = given then newest else reached end;
      return;
    end if;
  end if;
  if expected <> reached then
    outcome := 'conflict';
    return;
  end if;
  moment := greatest(clock_timestamp(), moment);
  if to_regclass('events.' || events.partition_of(moment)) is null
    or to_regclass('events.' || events.partition_of(date_trunc('month', moment, 'UTC') + interval '40 days')) is null then
    perform events.ensure_months();
  end if;
  insert into events.events (tenant_id, stream, version, at, type, data, event_id)
  select tenant, named, reached + e.n, moment, e.type, e.data::json, e.id
  from unnest(types, datas, ids) with ordinality as e (type, data, id, n);
  reached := reached + cardinality(types);
  update events.streams s set head = reached, last_at = moment where s.tenant_id = tenant and s.stream = named;
  outcome := 'appended';
end $function$
;

CREATE OR REPLACE FUNCTION events.drop_months(before timestamp with time zone)
 RETURNS integer
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '2s'
AS $function$
declare
  part text;
  dropped integer := 0;
begin
  perform pg_advisory_xact_lock(hashtextextended('events.partitions', 0));
  for part in
    select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'events.events'::regclass and c.relname < events.partition_of(before) order by c.relname
  loop
    execute format('drop table events.%I', part);
    dropped := dropped + 1;
  end loop;
  return dropped;
exception when lock_not_available then
  return 0;
end $function$
;

CREATE OR REPLACE FUNCTION events.ensure_months()
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select events.ensure_partition(clock_timestamp()), events.ensure_partition(date_trunc('month', clock_timestamp(), 'UTC') + interval '40 days')
$function$
;

CREATE OR REPLACE FUNCTION events.ensure_partition(at timestamp with time zone)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  part constant text := events.partition_of(at);
  month constant timestamptz := date_trunc('month', at, 'UTC');
begin
  if to_regclass('events.' || part) is not null then
    return;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('events.partitions', 0));
  -- Read as rows: names looked up before the wait are remembered as missing.
  if exists (select from pg_class where relnamespace = 'events'::regnamespace and relname = part) then
    return;
  end if;
  -- Attached, not created as a partition: that would lock out every reader of the parent.
  execute format('create table events.%I (like events.events including constraints)', part);
  execute format('alter table events.%I enable row level security, force row level security', part);
  execute format('create policy tenant on events.%I using (tenant_id = nullif(current_setting(''app.tenant'', true), '''')) with check (tenant_id = nullif(current_setting(''app.tenant'', true), ''''))', part);
  execute format('alter table events.events attach partition events.%I for values from (%L) to (%L)',
    part, month, date_trunc('month', month + interval '40 days', 'UTC'));
end $function$
;

CREATE OR REPLACE FUNCTION events.partition_of(at timestamp with time zone)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  select 'events_' || to_char(at at time zone 'UTC', 'YYYY_MM')
$function$
;

CREATE OR REPLACE FUNCTION events.take(named text, of_group text, by_consumer text, batch integer, ack_ms bigint)
 RETURNS TABLE(version bigint, at timestamp with time zone, type text, data json, event_id text, count integer, missed bigint)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
#variable_conflict use_column
declare
  tenant constant text := nullif(current_setting('app.tenant', true), '');
  until_then constant timestamptz := clock_timestamp() + ack_ms * interval '1 millisecond';
  place bigint;
  untold bigint;
  top bigint;
  due bigint[];
  handed_out events.events[] := '{}';
  fresh events.events[];
begin
  -- Most looks find nothing, and then write nothing.
  select c.handed, coalesce(s.head, 0) into place, top
  from events.consumers c left join events.streams s on s.tenant_id = c.tenant_id and s.stream = c.stream
  where c.tenant_id = tenant and c.stream = named and c.group_name = of_group;
  if not found or (place >= top and not exists (
    select from events.deliveries d
    where d.tenant_id = tenant and d.stream = named and d.group_name = of_group and d.until <= clock_timestamp())) then
    return;
  end if;
  select c.handed, c.missed into place, untold from events.consumers c
  where c.tenant_id = tenant and c.stream = named and c.group_name = of_group for no key update;
  select s.head into top from events.streams s where s.tenant_id = tenant and s.stream = named; -- others may have appended while this one waited

  select array_agg(o.version) into due from (
    select d.version from events.deliveries d
    where d.tenant_id = tenant and d.stream = named and d.group_name = of_group and d.until <= clock_timestamp()
    order by d.until, d.version limit batch) o;
  if due is not null then
    select coalesce(array_agg(e order by e.version), '{}') into handed_out from events.events e
    where e.tenant_id = tenant and e.stream = named and e.version = any (due);
    with gone as (
      delete from events.deliveries d
      where d.tenant_id = tenant and d.stream = named and d.group_name = of_group and d.version = any (due)
        and d.version <> all (select h.version from unnest(handed_out) h)
      returning d.missed)
    select untold + coalesce(sum(g.missed + 1), 0) into untold from gone g;
    update events.deliveries d set consumer = by_consumer, until = until_then, count = d.count + 1
    where d.tenant_id = tenant and d.stream = named and d.group_name = of_group and d.version = any (due);
  end if;

  if cardinality(handed_out) < batch and place < top then
    select array_agg(o.e order by (o.e).version) into fresh from (
      select e from events.events e
      where e.tenant_id = tenant and e.stream = named and e.version > place
      order by e.version limit batch - cardinality(handed_out)) o;
    if fresh is null then -- all of it was trimmed away
      untold := untold + top - place;
      place := top;
    else
      insert into events.deliveries (tenant_id, stream, group_name, version, consumer, until, count, missed)
      select tenant, named, of_group, f.version, by_consumer, until_then, 1,
        f.version - lag(f.version, 1, place) over (order by f.version) - 1
      from unnest(fresh) f;
      handed_out := handed_out || fresh;
      place := fresh[cardinality(fresh)].version;
    end if;
  end if;

  if untold > 0 and cardinality(handed_out) > 0 then
    update events.deliveries d set missed = d.missed + untold
    where d.tenant_id = tenant and d.stream = named and d.group_name = of_group
      and d.version = (select min(h.version) from unnest(handed_out) h);
    untold := case when found then 0 else untold end;
  end if;
  update events.consumers c set handed = greatest(c.handed, place), missed = untold
  where c.tenant_id = tenant and c.stream = named and c.group_name = of_group;
  return query
    select h.version, h.at, h.type, h.data, h.event_id, d.count, d.missed
    from unnest(handed_out) h join events.deliveries d
      on d.tenant_id = tenant and d.stream = named and d.group_name = of_group and d.version = h.version
    order by h.version;
end $function$
;

CREATE TRIGGER audit_fixed BEFORE DELETE OR UPDATE OR TRUNCATE ON agents.audit FOR EACH STATEMENT EXECUTE FUNCTION agents.audit_fixed();
CREATE TRIGGER audit_link BEFORE INSERT ON agents.audit FOR EACH ROW EXECUTE FUNCTION agents.audit_link();
CREATE TRIGGER deletions_fixed BEFORE DELETE OR UPDATE OR TRUNCATE ON agents_admin.deletions FOR EACH STATEMENT EXECUTE FUNCTION agents_admin.deletions_fixed();

grant delete, insert, select, update on agents.agents to agent_core;
grant delete, insert, select, update on agents.agents to agent_fleet;
grant delete, insert, select, update on agents.artifacts to agent_core;
grant delete, insert, select, update on agents.artifacts to agent_fleet;
grant insert, select on agents.audit to agent_core;
grant insert, select on agents.audit to agent_fleet;
grant delete, insert, select, update on agents.chunk_tags to agent_core;
grant delete, insert, select, update on agents.chunk_tags to agent_fleet;
grant delete, insert, select, update on agents.chunk_vectors to agent_core;
grant delete, insert, select, update on agents.chunk_vectors to agent_fleet;
grant delete, insert, select, update on agents.chunks to agent_core;
grant delete, insert, select, update on agents.chunks to agent_fleet;
grant delete, insert, select, update on agents.current_spaces to agent_core;
grant delete, insert, select, update on agents.current_spaces to agent_fleet;
grant delete, insert, select, update on agents.documents to agent_core;
grant delete, insert, select, update on agents.documents to agent_fleet;
grant insert, select on agents.memory_events to agent_core;
grant delete, insert, select on agents.memory_events to agent_fleet;
grant delete, insert, select, update on agents.memory_facts to agent_core;
grant delete, insert, select, update on agents.memory_facts to agent_fleet;
grant delete, insert, select, update on agents.memory_words to agent_core;
grant delete, insert, select, update on agents.memory_words to agent_fleet;
grant delete, insert, select, update on agents.run_state to agent_core;
grant delete, insert, select, update on agents.run_state to agent_fleet;
grant delete, insert, select, update on agents.search_documents to agent_core;
grant delete, insert, select, update on agents.search_documents to agent_fleet;
grant delete, insert, select, update on agents.search_lexemes to agent_core;
grant delete, insert, select, update on agents.search_lexemes to agent_fleet;
grant delete, insert, select, update on agents.search_words to agent_core;
grant delete, insert, select, update on agents.search_words to agent_fleet;
grant insert, select on agents.spaces to agent_core;
grant delete, insert, select on agents.spaces to agent_fleet;
grant insert, select on agents_admin.deletions to agent_fleet;
grant select on agents_admin.migrations to agent_fleet;
grant delete, insert, select, update on events.consumers to agent_core;
grant delete, insert, select, update on events.consumers to agent_fleet;
grant delete, insert, select, update on events.deliveries to agent_core;
grant delete, insert, select, update on events.deliveries to agent_fleet;
grant delete, insert, select on events.events to agent_core;
grant delete, insert, select on events.events to agent_fleet;
grant delete, insert, select, update on events.streams to agent_core;
grant delete, insert, select, update on events.streams to agent_fleet;

grant execute on function agents.audit_broken(text) to agent_core;
grant execute on function agents.audit_broken(text) to agent_fleet;
grant execute on function agents.audit_fixed() to agent_core;
grant execute on function agents.audit_fixed() to agent_fleet;
grant execute on function agents.audit_hash(agents.audit) to agent_core;
grant execute on function agents.audit_hash(agents.audit) to agent_fleet;
grant execute on function agents.audit_link() to agent_core;
grant execute on function agents.audit_link() to agent_fleet;
grant execute on function agents.begin_load(text,bigint) to agent_core;
grant execute on function agents.begin_load(text,bigint) to agent_fleet;
grant execute on function agents.build_space(text,integer) to agent_core;
grant execute on function agents.build_space(text,integer) to agent_fleet;
grant execute on function agents.drop_space(text) to agent_core;
grant execute on function agents.drop_space(text) to agent_fleet;
grant execute on function agents.ensure_space(text,text,integer,boolean) to agent_core;
grant execute on function agents.ensure_space(text,text,integer,boolean) to agent_fleet;
grant execute on function agents.forget_run(text) to agent_core;
grant execute on function agents.forget_run(text) to agent_fleet;
grant execute on function agents.search_lexemes_of(text[],text,text,text) to agent_core;
grant execute on function agents.search_lexemes_of(text[],text,text,text) to agent_fleet;
grant execute on function agents_admin.tenant_rows(text) to agent_fleet;
grant execute on function events.append(text,bigint,text[],text[],text[]) to agent_core;
grant execute on function events.append(text,bigint,text[],text[],text[]) to agent_fleet;
grant execute on function events.drop_months(timestamp with time zone) to agent_fleet;
grant execute on function events.ensure_months() to agent_core;
grant execute on function events.ensure_months() to agent_fleet;
grant execute on function events.ensure_partition(timestamp with time zone) to agent_fleet;
grant execute on function events.partition_of(timestamp with time zone) to agent_core;
grant execute on function events.partition_of(timestamp with time zone) to agent_fleet;
grant execute on function events.take(text,text,text,integer,bigint) to agent_core;
grant execute on function events.take(text,text,text,integer,bigint) to agent_fleet;
