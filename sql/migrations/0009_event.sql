-- Append-only streams and those who follow them. The row of a stream is updated by the transaction that appends, so appends to one stream follow each other and their versions
-- become visible in order: no unique key can say that of a table which is partitioned by time. Room in its pages keeps those updates out of the index.
create schema events;

create table events.streams (
  tenant_id text collate "C" not null,
  stream text collate "C" not null,
  head bigint not null,
  last_at timestamptz not null,
  primary key (tenant_id, stream)
) with (fillfactor = 50);
alter table events.streams enable row level security;
alter table events.streams force row level security;
create policy tenant on events.streams
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

-- A partition per month: what is old goes by dropping tables. There is no default partition: rows that once fell into it would keep the partition that they belong to from
-- being made, and make it read them all each time. Data is json and not jsonb: it is read as a whole, with its keys in their order.
create table events.events (
  tenant_id text collate "C" not null,
  stream text collate "C" not null,
  version bigint not null,
  at timestamptz not null,
  type text not null,
  data json not null,
  event_id text collate "C",
  primary key (tenant_id, stream, version, at)
) partition by range (at);
create index events_id on events.events (tenant_id, stream, event_id) where event_id is not null;
alter table events.events enable row level security;
alter table events.events force row level security;
create policy tenant on events.events
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

-- A group has handed out every version up to one. Missed are trimmed events that none of its consumers was told of yet.
create table events.consumers (
  tenant_id text collate "C" not null,
  stream text collate "C" not null,
  group_name text collate "C" not null,
  handed bigint not null,
  missed bigint not null default 0,
  primary key (tenant_id, stream, group_name)
) with (fillfactor = 50);
alter table events.consumers enable row level security;
alter table events.consumers force row level security;
create policy tenant on events.consumers
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

-- What was handed out and not acknowledged. Who holds it has until then; nobody does when the consumer is empty.
create table events.deliveries (
  tenant_id text collate "C" not null,
  stream text collate "C" not null,
  group_name text collate "C" not null,
  version bigint not null,
  consumer text collate "C" not null,
  until timestamptz not null,
  count integer not null,
  missed bigint not null,
  primary key (tenant_id, stream, group_name, version)
);
create index deliveries_due on events.deliveries (tenant_id, stream, group_name, until);
alter table events.deliveries enable row level security;
alter table events.deliveries force row level security;
create policy tenant on events.deliveries
  using (tenant_id = nullif(current_setting('app.tenant', true), ''))
  with check (tenant_id = nullif(current_setting('app.tenant', true), ''));

create function events.partition_of(at timestamptz) returns text language sql stable
set search_path = pg_catalog, pg_temp as $$
  select 'events_' || to_char(at at time zone 'UTC', 'YYYY_MM')
$$;

-- Makes the partition of a moment's month; for the fleet, which brings events of any time. Safe to repeat, from many sessions.
create function events.ensure_partition(at timestamptz)
returns void language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
end $$;

-- This month's partition and the next one's, on behalf of whoever appends: a month begins with its partition there.
create function events.ensure_months()
returns void language sql security definer set search_path = pg_catalog, pg_temp as $$
  select events.ensure_partition(clock_timestamp()), events.ensure_partition(date_trunc('month', clock_timestamp(), 'UTC') + interval '40 days')
$$;

-- Drops the partitions of whole months before a moment; resolves to how many, or none when others are in the way.
create function events.drop_months(before timestamptz)
returns integer language plpgsql security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s' as $$
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
end $$;

-- Both functions below read a stream through its index alone: to the statistics, one long stream among many short ones looks like a table that is better read as a whole.

-- Appends as one act, in one round trip. The outcome is appended, repeated (it has every id already), partly (it has some of them) or conflict (it is not
-- where it was expected); the version that of the last event, or of the stream where nothing was written.
create function events.append(named text, expected bigint, types text[], datas text[], ids text[], out outcome text, out reached bigint)
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
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
end $$;

-- Hands events of a stream to a consumer of a group: first those whose time is over, then new ones. What was trimmed away meanwhile is counted as missed, and told with the
-- first event that is handed out. Events are read once, and what becomes of each is decided by that: a trim may come between any two statements.
create function events.take(named text, of_group text, by_consumer text, batch integer, ack_ms bigint)
returns table (version bigint, at timestamptz, type text, data json, event_id text, count integer, missed bigint)
language plpgsql set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
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
end $$;
revoke all on all functions in schema events from public;
select events.ensure_months();
