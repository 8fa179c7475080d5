-- Ids compare by bytes: the order is the same on every server, and independent of its locale's library version.
create table agents.documents (
  tenant_id text collate "C" not null,
  document_id text collate "C" not null,
  uri text,
  created_at timestamptz not null default now(),
  primary key (tenant_id, document_id)
);
alter table agents.documents enable row level security;
alter table agents.documents force row level security;
create policy tenant on agents.documents
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

-- No foreign keys between documents, chunks, vectors and tags: their checks cost one lookup per row and table on every
-- load, and every write goes through one transaction that locks the document and then its chunks in order of id.
create table agents.chunks (
  tenant_id text collate "C" not null,
  chunk_id text collate "C" not null,
  document_id text collate "C" not null,
  position integer not null,
  content_hash bytea not null,
  text text not null,
  metadata jsonb not null,
  primary key (tenant_id, chunk_id)
);
create index chunks_document on agents.chunks (tenant_id, document_id);
alter table agents.chunks enable row level security;
alter table agents.chunks force row level security;
create policy tenant on agents.chunks
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

-- Under a policy only leakproof comparisons reach an index, and those of jsonb are not. One row per metadata entry,
-- compared as text, lets selective filters find their candidates; the jsonb itself then decides.
create table agents.chunk_tags (
  tenant_id text collate "C" not null,
  tag text collate "C" not null,
  chunk_id text collate "C" not null,
  primary key (tenant_id, tag, chunk_id)
);
create index chunk_tags_chunk on agents.chunk_tags (tenant_id, chunk_id);
alter table agents.chunk_tags enable row level security;
alter table agents.chunk_tags force row level security;
create policy tenant on agents.chunk_tags
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));
