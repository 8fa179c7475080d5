-- What full-text search answers with. An entry is a text that is found as a whole: a page, a chunk, a message.
create table agents.search_documents (
  tenant_id text collate "C" not null,
  entry_id text collate "C" not null,
  document_id text collate "C",
  title text,
  text text not null,
  language text not null,
  metadata jsonb not null,
  primary key (tenant_id, entry_id)
);
create index search_documents_document on agents.search_documents (tenant_id, document_id) where document_id is not null;
alter table agents.search_documents enable row level security;
alter table agents.search_documents force row level security;
create policy tenant on agents.search_documents
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

-- The same entries as they are searched. Under a policy a statement's own @@ may not reach an index, as it is not leakproof; a
-- condition of the policy itself may. So the policy is the search: a reader sees those rows of its tenant that match the setting
-- app.search, found through the index, and none where nothing is asked. It only narrows down: app.tenant decides what may be seen.
-- Each row has its tenant among its lexemes, after a space, which no word starts with: asked for, it keeps a small tenant's search
-- from meeting the rows of large ones, and alone it is every row of the tenant, which is what writers ask for.
create table agents.search_lexemes (
  tenant_id text collate "C" not null,
  entry_id text collate "C" not null,
  lexemes tsvector not null,
  metadata jsonb not null,
  primary key (tenant_id, entry_id)
);
-- What waits to be merged into the index is read by every search, so it is kept short.
create index search_lexemes_words on agents.search_lexemes using gin (lexemes) with (gin_pending_list_limit = 512);
alter table agents.search_lexemes enable row level security;
alter table agents.search_lexemes force row level security;
-- Not the bare column: the planner, who does not know what will be asked, would read all of a tenant by its key instead.
create policy tenant on agents.search_lexemes for select
  using (tenant_id || '' = nullif(current_setting('app.tenant', true), '')
    and lexemes @@ (select nullif(current_setting('app.search', true), '')::tsquery));
create policy tenant_insert on agents.search_lexemes for insert
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));
create policy tenant_update on agents.search_lexemes for update
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));
create policy tenant_delete on agents.search_lexemes for delete
  using (tenant_id = nullif(current_setting('app.tenant', true), ''));

-- Words as they were written, in lower case, to mend typos with: one change leaves a word its beginning or its end, and hardly
-- its length. Not by trigrams, which are nine rows a word. A word may outlive its last entry.
create table agents.search_words (
  tenant_id text collate "C" not null,
  head text collate "C" not null,
  tail text collate "C" not null,
  length smallint not null,
  word text collate "C" not null,
  primary key (tenant_id, head, length, word)
);
create index search_words_tail on agents.search_words (tenant_id, tail, length, word);
alter table agents.search_words enable row level security;
alter table agents.search_words force row level security;
create policy tenant on agents.search_words
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

-- The lexemes of an entry: the marks of whose it is (its tenant's; of a run's entry also one of all runs, by which the tenant at large leaves it out, and one of its own), and its
-- words; those of its title weigh most. What only stands between words is replaced by spaces: PostgreSQL would
-- read input/output as the name of a file and not find its words, and nothing of what follows "<script>". A tsvector ends at 1 MB:
-- of a long text with very many different words the beginning is kept, by halves, rather than none of it.
create function agents.search_lexemes_of(marks text[], language text, title text, content text)
returns tsvector language plpgsql stable set search_path = pg_catalog, pg_temp as $$
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
end $$;
revoke all on function agents.search_lexemes_of(text[], text, text, text) from public;
