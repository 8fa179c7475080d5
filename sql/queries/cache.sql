-- How much of what was read lay in PostgreSQL's own memory. Below 0.9 on a busy database, the memory budget is too small for the data in use.
select
  sum(blks_hit) / nullif(sum(blks_hit) + sum(blks_read), 0)::float8 as ratio,
  sum(blks_hit + blks_read)::int8 as blocks
from pg_stat_database
where datname = current_database();
