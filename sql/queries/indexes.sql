-- Indexes and how often they were used since statistics began. One of many megabytes that is never used, and keeps no rule, costs every write.
select
  i.schemaname || '.' || i.indexrelname as name,
  i.schemaname || '.' || i.relname as on_table,
  pg_relation_size(i.indexrelid) as bytes,
  i.idx_scan::int8 as scans,
  (i.idx_scan = 0 and not x.indisunique and x.indisvalid) as unused,
  not x.indisvalid as invalid
from pg_stat_user_indexes i
join pg_index x on x.indexrelid = i.indexrelid
where not exists (select from pg_locks l where l.relation in (i.relid, i.indexrelid) and l.mode = 'AccessExclusiveLock')
order by unused desc, bytes desc, name
limit 20;
