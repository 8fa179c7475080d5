-- Statements by the time that all their calls took, on average over 1 ms. Needs pg_stat_statements; start anew: select pg_stat_statements_reset().
select
  calls::int8 as calls,
  mean_exec_time::float8 as mean_ms,
  max_exec_time::float8 as max_ms,
  total_exec_time::float8 as total_ms,
  rows::int8 as rows,
  pg_get_userbyid(userid) as account,
  left(regexp_replace(query, '\s+', ' ', 'g'), 200) as statement
from pg_stat_statements
where dbid = (select oid from pg_database where datname = current_database()) and mean_exec_time >= 1
  and query !~ '\mpg_(stat|blocking|available)' -- not what is asked here
order by total_exec_time desc
limit 10;
