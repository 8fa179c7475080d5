-- A role that moves to another product must not be written any more, by anyone, while it is copied and while the old copy is kept. A trigger says so better than
-- rights that are taken away: it binds the owner's functions too, prepare may give rights at any time, and whoever writes is told why.
create function agents_admin.refuse_frozen() returns trigger language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception 'the role % is frozen: it has moved, or is moving, to another product', tg_argv[0]
    using errcode = 'read_only_sql_transaction';
end $$;

-- Where each role keeps what it knows.
create function agents_admin.role_tables() returns table (role text, kept regclass) language sql stable set search_path = pg_catalog, pg_temp as $$
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
$$;

-- Freezes these roles and thaws all others; returns how many tables changed. Making a trigger waits for writers that are at work: when it returns, what they wrote is
-- committed and nothing more comes. Partitions get it one by one, since a statement's trigger looks at the table that the statement names.
create function agents_admin.freeze(roles text[]) returns integer language plpgsql set search_path = pg_catalog, pg_temp as $$
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
end $$;
revoke all on function agents_admin.refuse_frozen(), agents_admin.role_tables(), agents_admin.freeze(text[]) from public;
