-- How many connections there are, by what they do, and how many there may be. From 80 % on, a burst of clients finds no place.
select
  current_setting('max_connections')::int4 as most,
  count(*)::int4 as used,
  count(*) filter (where state = 'active')::int4 as active,
  count(*) filter (where state = 'idle')::int4 as idle,
  count(*) filter (where state like 'idle in transaction%')::int4 as idle_in_transaction
from pg_stat_activity
where backend_type = 'client backend' and pid <> pg_backend_pid();
