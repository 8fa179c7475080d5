-- How big the database is on disk, and its write-ahead log beside it. The log should stay below max_wal_size: more means that something holds it back.
select
  pg_database_size(current_database()) as bytes,
  (select coalesce(sum(size), 0)::int8 from pg_ls_waldir()) as wal_bytes,
  pg_size_bytes(current_setting('max_wal_size')) as max_wal_bytes;
