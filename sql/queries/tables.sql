-- The biggest tables, with their indexes and what they hold outside of the row, and how they are read.
select
  schemaname || '.' || relname as name,
  pg_total_relation_size(relid) as bytes,
  pg_indexes_size(relid) as index_bytes,
  n_live_tup as live,
  n_dead_tup as dead,
  coalesce(to_char(greatest(last_vacuum, last_autovacuum) at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), 'never') as vacuumed
from pg_stat_user_tables
where not exists (select from pg_locks l where l.relation = relid and l.mode = 'AccessExclusiveLock') -- its size is told after the lock
order by bytes desc, name
limit 20;
