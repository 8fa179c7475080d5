-- The transactions that are open for longest. Over 5 minutes, what was deleted since cannot be cleared away, and tables grow.
select
  pid::int4 as pid,
  usename as account,
  state,
  extract(epoch from clock_timestamp() - xact_start)::float8 as seconds,
  left(regexp_replace(query, '\s+', ' ', 'g'), 200) as statement
from pg_stat_activity
where xact_start is not null and backend_type = 'client backend' and pid <> pg_backend_pid()
order by xact_start
limit 10;
