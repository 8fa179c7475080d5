-- What runs now, longest first. Over a minute is a report or a build of an index, or something that hangs.
select
  pid::int4 as pid,
  usename as account,
  (extract(epoch from clock_timestamp() - query_start) * 1000)::float8 as ms,
  coalesce(wait_event_type || ' ' || wait_event, 'works') as waits_for,
  left(regexp_replace(query, '\s+', ' ', 'g'), 200) as statement
from pg_stat_activity
where state = 'active' and backend_type = 'client backend' and pid <> pg_backend_pid()
order by query_start
limit 10;
