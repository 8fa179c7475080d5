-- Tables with the most rows that are dead and not yet cleared away. Over a fifth of a table of 10,000 rows, autovacuum does not keep up or is held back.
select
  schemaname || '.' || relname as name,
  n_live_tup as live,
  n_dead_tup as dead,
  (n_dead_tup / nullif(n_live_tup + n_dead_tup, 0)::float8)::float8 as share,
  (pg_table_size(relid) * n_dead_tup / greatest(n_live_tup + n_dead_tup, 1))::int8 as dead_bytes,
  extract(epoch from now() - greatest(last_vacuum, last_autovacuum))::float8 as seconds_since_vacuum,
  coalesce(to_char(last_autovacuum at time zone 'UTC', 'YYYY-MM-DD HH24:MI'), 'never') as autovacuumed
from pg_stat_user_tables
where n_dead_tup > 0 and not exists (select from pg_locks l where l.relation = relid and l.mode = 'AccessExclusiveLock')
order by dead desc, name
limit 10;
