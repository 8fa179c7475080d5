-- Tables of over 10,000 rows that are mostly read from end to end: a filter that is asked often lacks an index.
select
  schemaname || '.' || relname as name,
  n_live_tup as rows,
  seq_scan::int8 as whole_reads,
  coalesce(idx_scan, 0)::int8 as index_reads,
  (seq_tup_read / greatest(seq_scan, 1))::int8 as rows_per_read
from pg_stat_user_tables
where n_live_tup > 10000 and seq_scan > 50 and seq_scan > coalesce(idx_scan, 0)
order by seq_tup_read desc
limit 10;
