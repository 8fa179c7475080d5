-- How far copies of this server are behind, in bytes of its log: replicas that stream, and slots that hold the log back for one that is away.
select
  coalesce(r.application_name, s.slot_name::text) as name,
  coalesce(r.state, case when s.active then 'active' else 'away' end) as state,
  pg_wal_lsn_diff(pg_current_wal_lsn(), coalesce(r.replay_lsn, s.restart_lsn))::int8 as behind_bytes,
  extract(epoch from r.replay_lag)::float8 as behind_seconds
from pg_replication_slots s
full join pg_stat_replication r on r.pid = s.active_pid
order by behind_bytes desc nulls last
limit 10;
