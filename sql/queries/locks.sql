-- Who waits for a lock, for how long, and who holds it. Any wait over a few seconds wants the holder's end: select pg_terminate_backend(<blocker>).
select
  waiting.pid::int4 as pid,
  waiting.usename as account,
  extract(epoch from clock_timestamp() - waiting.state_change)::float8 as seconds,
  left(regexp_replace(waiting.query, '\s+', ' ', 'g'), 200) as statement,
  blocking.pid::int4 as blocker,
  blocking.usename as blocker_account,
  blocking.state as blocker_state,
  left(regexp_replace(blocking.query, '\s+', ' ', 'g'), 200) as blocker_statement
from pg_stat_activity waiting
cross join lateral unnest(pg_blocking_pids(waiting.pid)) as held (pid)
left join pg_stat_activity blocking on blocking.pid = held.pid
where waiting.wait_event_type = 'Lock'
order by seconds desc
limit 20;
