-- Rows that go through an approximate index one by one take several times as long as building it anew. Before a load that is
-- large beside what the space holds, its index is dropped; build_space makes it at the end. Until then queries are exact. A load that
-- dies in between leaves no index behind, and the next upsert's end builds it.
create function agents.begin_load(space text, incoming bigint)
returns text language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
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
end $$;
revoke all on function agents.begin_load(text, bigint) from public;
